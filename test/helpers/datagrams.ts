// A unix datagram socket to listen at. Node has none; python3, which node-gyp needs in any case, has.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { ExecutionContext } from 'ava'

export const datagramListener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace("@", "\\0", 1))
print("bound", flush=True)
while True: print(s.recv(4096).decode(), flush=True)
`

/** Listens at a path, or at an abstract name that begins with `@`; each answer is the next line that came. */
export async function listenForDatagrams(t: ExecutionContext, address: string): Promise<() => Promise<string>> {
  const child = spawn('python3', ['-c', datagramListener, address], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(async () => {
    child.kill()
    await once(child, 'exit')
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => String((await lines.next()).value)
  t.is(await next(), 'bound')
  return next
}
