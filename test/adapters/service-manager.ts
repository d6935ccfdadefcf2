import { join } from 'node:path'
import test from 'ava'
import { connectServiceManager } from '../../src/adapters/service-manager.ts'
import { listenForDatagrams } from '../helpers/datagrams.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

test('the manager hears that the daemon serves, that it still does, and that it stops', async (t) => {
  const directory = makeTemporaryDirectory('notify')
  t.teardown(() => directory.remove())
  const address = join(directory.path, 'notify')
  const next = await listenForDatagrams(t, address)
  const ending = new AbortController()
  connectServiceManager(address, '20000').ready(ending.signal)
  t.is(await next(), 'READY=1')
  t.is(await next(), 'WATCHDOG=1')
  t.is(await next(), 'WATCHDOG=1')
  ending.abort()
  let last = await next()
  while (last === 'WATCHDOG=1') last = await next()
  t.is(last, 'STOPPING=1')
})

test('without a manager nobody is told; one that cannot be told is an error, since it would wait for ever', (t) => {
  t.notThrows(() => connectServiceManager(undefined, undefined).ready(new AbortController().signal))
  t.throws(() => connectServiceManager('/nowhere/notify', undefined).ready(new AbortController().signal), {
    code: 'ENOENT',
  })
})
