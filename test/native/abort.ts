import { getEventListeners } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { transfer } from '../../native/index.ts'
import { failsWith } from './helpers/failures.ts'
import { limits, serve, temporaryDirectory } from './helpers/servers.ts'

test('aborted before it begins, nothing is asked', async (t) => {
  const url = await serve(t, () => t.fail())
  const signal = AbortSignal.abort('not now')
  const error = await failsWith(t, transfer({ ...limits, url, signal }), 'ABORT_ERR')
  t.is(error.cause, 'not now')
})

test('aborted under way, the connection ends and the part received stays', async (t) => {
  const closed = Promise.withResolvers<void>()
  const url = await serve(t, (_request, response) => {
    response.on('close', closed.resolve)
    response.write('part')
  })
  const file = join(temporaryDirectory(t), 'archive')
  const controller = new AbortController()
  const { signal } = controller
  const onProgress = () => controller.abort()
  await failsWith(t, transfer({ ...limits, url, signal, sink: { file }, onProgress }), 'ABORT_ERR')
  await closed.promise
  t.is(readFileSync(file, 'utf8'), 'part')
})

test('a time limit of the caller’s own is its reason', async (t) => {
  const url = await serve(t, () => {})
  const error = await failsWith(t, transfer({ ...limits, url, signal: AbortSignal.timeout(50) }), 'ABORT_ERR')
  t.is((error.cause as DOMException).name, 'TimeoutError')
})

test('aborted while the sink is busy, it does not wait for the sink', async (t) => {
  const url = await serve(t, (_request, response) => response.end(Buffer.alloc(900_000)))
  const controller = new AbortController()
  const gate = Promise.withResolvers<void>()
  const chunks = () => {
    setImmediate(() => controller.abort())
    return gate.promise
  }
  const aborted = transfer({ ...limits, url, signal: controller.signal, sink: { chunks } })
  await failsWith(t, aborted, 'ABORT_ERR')
  gate.reject(new Error('too late to matter'))
  await t.throwsAsync(gate.promise)
})

// Serial: it fills every slot there is.
test.serial('aborted in the queue, it is never asked for', async (t) => {
  const asked = new Set<string>()
  const full = Promise.withResolvers<void>()
  const answers: (() => void)[] = []
  const url = await serve(t, (request, response) => {
    asked.add(request.url ?? '')
    answers.push(() => response.end())
    if (asked.size === 64) full.resolve()
  })
  const filling = Array.from({ length: 64 }, (_, at) => transfer({ ...limits, url: `${url}/${at}` }))
  await full.promise
  const controller = new AbortController()
  const queued = transfer({ ...limits, url: `${url}/queued`, signal: controller.signal })
  const next = transfer({ ...limits, url: `${url}/next` })
  controller.abort()
  await failsWith(t, queued, 'ABORT_ERR')
  for (const answer of answers.splice(0)) answer()
  await Promise.all(filling)
  while (!asked.has('/next')) await new Promise(setImmediate)
  for (const answer of answers) answer()
  await next
  t.false(asked.has('/queued'))
})

test('a signal that is used often gathers no listeners', async (t) => {
  const url = await serve(t, (_request, response) => response.end())
  const { signal } = new AbortController()
  for (let count = 0; count < 3; count++) await transfer({ ...limits, url, signal })
  t.is(getEventListeners(signal, 'abort').length, 0)
})
