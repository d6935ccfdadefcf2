import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { getgid, getuid, pid } from 'node:process'
import test, { type ExecutionContext } from 'ava'
import { peerCredentials } from '../../native/index.ts'
import { temporaryDirectory } from './helpers/servers.ts'

/** node:net has no public name for it. */
function fdOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle')
  return typeof handle === 'object' && handle !== null ? Number(Reflect.get(handle, 'fd')) : -1
}

async function connectedPair(
  t: ExecutionContext,
  address: { path: string } | { port: number },
): Promise<[Socket, Socket]> {
  const server = createServer().listen(address)
  await once(server, 'listening')
  const bound = server.address()
  const near = typeof bound === 'object' && bound !== null ? connect(bound.port, '127.0.0.1') : connect(String(bound))
  const [far]: Socket[] = await once(server, 'connection')
  if (far === undefined) throw new Error('nobody connected')
  t.teardown(() => {
    near.destroy()
    far.destroy()
    server.close()
  })
  return [near, far]
}

test('both ends of a unix socket know who the other is', async (t) => {
  for (const socket of await connectedPair(t, { path: join(temporaryDirectory(t), 'socket') })) {
    t.deepEqual(peerCredentials(fdOf(socket)), { pid, uid: getuid?.(), gid: getgid?.() })
  }
})

test('the other end of a TCP connection is nobody', async (t) => {
  const [near] = await connectedPair(t, { port: 0 })
  t.throws(() => peerCredentials(fdOf(near)), { code: 'ENOTCONN' })
})

test('what is no socket has no peer', (t) => {
  const fd = openSync('/dev/null', 'r')
  t.throws(() => peerCredentials(fd), { code: 'ENOTSOCK' })
  closeSync(fd)
  t.throws(() => peerCredentials(-1), { code: 'EBADF' })
})
