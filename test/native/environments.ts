import { Readable } from 'node:stream'
import test from 'ava'
import { runInProcess } from './helpers/processes.ts'
import { serve } from './helpers/servers.ts'

const piece = Buffer.alloc(100_000)

test('workers can be terminated with transfers under way', async (t) => {
  const url = await serve(t, (_request, response) => {
    const endless = new Readable({ read: () => void endless.push(piece) })
    endless.pipe(response)
  })
  t.is(await runInProcess('terminate-workers.js', [url]), 'terminated 4 workers, then received 100000 bytes\n')
})

test('a process ends by itself after its last transfer, and not before', async (t) => {
  const url = await serve(t, (_request, response) => setTimeout(() => response.end('late'), 100))
  t.is(await runInProcess('fetch.js', [url, 'none']), 'late\n')
})

test('a process can exit with a transfer under way', async (t) => {
  const url = await serve(t, (_request, response) => response.write('begin'))
  t.is(await runInProcess('exit-early.js', [url]), 'exiting\n')
})
