import { join } from 'node:path'
import test from 'ava'
import { notify } from '../../native/index.ts'
import { listenForDatagrams } from '../helpers/datagrams.ts'
import { temporaryDirectory } from './helpers/servers.ts'

for (const kind of ['a path', 'an abstract name']) {
  test(`a datagram arrives as it was sent, at ${kind}`, async (t) => {
    const path = join(temporaryDirectory(t), 'notify')
    const address = kind === 'a path' ? path : `@${path}`
    const next = await listenForDatagrams(t, address)
    notify(address, 'READY=1\nSTATUS=serving')
    t.is(await next(), 'READY=1')
    t.is(await next(), 'STATUS=serving')
  })
}

test('nobody there, and addresses that are none, are system errors', (t) => {
  t.throws(() => notify(join(temporaryDirectory(t), 'nobody'), 'READY=1'), { code: 'ENOENT' })
  t.throws(() => notify('', 'READY=1'), { code: 'EINVAL' })
  t.throws(() => notify(`/${'x'.repeat(108)}`, 'READY=1'), { code: 'EINVAL' })
})
