import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { notify } from '../../native/index.ts'
import { temporaryDirectory } from './helpers/servers.ts'

/** Node has no unix datagrams to listen to either: python3, which node-gyp needs in any case, has. */
const listener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace("@", "\\0", 1))
print("bound", flush=True)
while True: print(s.recv(4096).decode(), flush=True)
`

async function listen(t: ExecutionContext, address: string): Promise<() => Promise<string>> {
  const child: ChildProcess = spawn('python3', ['-c', listener, address], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill())
  const next = async () => String((await once(child.stdout as NodeJS.EventEmitter, 'data'))[0]).trim()
  t.is(await next(), 'bound')
  return next
}

for (const kind of ['a path', 'an abstract name']) {
  test(`a datagram arrives as it was sent, at ${kind}`, async (t) => {
    const path = join(temporaryDirectory(t), 'notify')
    const address = kind === 'a path' ? path : `@${path}`
    const next = await listen(t, address)
    const said = next()
    notify(address, 'READY=1\nSTATUS=serving')
    t.is(await said, 'READY=1\nSTATUS=serving')
  })
}

test('nobody there, and addresses that are none, are system errors', (t) => {
  t.throws(() => notify(join(temporaryDirectory(t), 'nobody'), 'READY=1'), { code: 'ENOENT' })
  t.throws(() => notify('', 'READY=1'), { code: 'EINVAL' })
  t.throws(() => notify(`/${'x'.repeat(108)}`, 'READY=1'), { code: 'EINVAL' })
})
