// The sidecar's end of the unix socket: one request a connection, newline-delimited JSON, the peer known by SO_PEERCRED.
import { lstatSync, unlinkSync } from 'node:fs'
import { chmod, lstat, mkdir } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { type PeerCredentials, peerCredentials } from '../../native/index.ts'
import { describeCause, PginstallError } from '../model/errors.ts'

/** Longest request, bytes: protocol/README.md. */
const maxRequestBytes = 1024 * 1024
/** A peer that does not finish its request in this time is cut off. */
const requestTimeoutMs = 10_000
/** Longest `sun_path`, unix(7), less its NUL. */
const maxSocketPathBytes = 107
/** Connections at once; whoever comes beyond them is hung up on. */
const maxConnections = 500

export type Connection = {
  peer: PeerCredentials
  /** The request, without its line feed. */
  line: string
  /** Sends one message. */
  send(message: object): void
  /** Aborted when the peer hangs up: nobody waits for the answer any more. */
  signal: AbortSignal
}

/**
 * Listens until the signal aborts. `admit` says whether a peer may speak; `answer` sends what there is to say and must
 * not throw. `beforeListening` runs once it is sure that nobody else listens there. Resolves when all connections are closed.
 * @throws PginstallError io_error, invalid_parameter_value
 */
export async function serveSocket(
  path: string,
  options: {
    admit(peer: PeerCredentials): boolean
    answer(connection: Connection): Promise<void>
    beforeListening(): void
    onListening(): void
    signal: AbortSignal
  },
): Promise<void> {
  if (Buffer.byteLength(path) > maxSocketPathBytes) {
    throw new PginstallError(
      'invalid_parameter_value',
      `socket path has more than ${maxSocketPathBytes} bytes: "${path}"`,
    )
  }
  await mkdir(dirname(path), { recursive: true })
  await removeStaleSocket(path)
  options.beforeListening()
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    // Whoever hangs up at once makes the kernel forget who it was; that must end the connection and nothing else.
    converse(socket, options).catch(() => socket.destroy())
  })
  server.maxConnections = maxConnections
  await listen(server, path)
  // Any OS user may connect; who may speak is decided by SO_PEERCRED, not by file modes.
  await chmod(path, 0o666)
  options.onListening()
  await new Promise<void>((resolve) => {
    const stop = () => {
      server.close(() => resolve())
      for (const socket of open) socket.destroy()
    }
    if (options.signal.aborted) stop()
    else options.signal.addEventListener('abort', stop, { once: true })
  })
}

async function converse(
  socket: Socket,
  { admit, answer }: { admit(peer: PeerCredentials): boolean; answer(connection: Connection): Promise<void> },
): Promise<void> {
  const gone = new AbortController()
  socket.on('error', () => gone.abort())
  socket.once('close', () => gone.abort())
  const peer = peerOf(socket)
  if (!admit(peer)) {
    socket.destroy()
    return
  }
  const line = await readLine(socket, gone.signal)
  if (line === undefined) {
    socket.destroy()
    return
  }
  socket.once('end', () => gone.abort())
  await answer({
    peer,
    line,
    send: (message) => void (socket.writable && socket.write(`${JSON.stringify(message)}\n`)),
    signal: gone.signal,
  })
  socket.end()
  socket.destroySoon()
}

/** The first line, or undefined when the peer hangs up, dawdles or says too much. */
function readLine(socket: Socket, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    const finish = (line: string | undefined) => {
      clearTimeout(timer)
      socket.off('data', onData)
      socket.off('end', onEnd)
      signal.removeEventListener('abort', onEnd)
      resolve(line)
    }
    const onEnd = () => finish(undefined)
    const onData = (chunk: Buffer) => {
      const end = chunk.indexOf(0x0a)
      chunks.push(end === -1 ? chunk : chunk.subarray(0, end))
      size += chunk.length
      if (size > maxRequestBytes) finish(undefined)
      else if (end !== -1) finish(decode(Buffer.concat(chunks)))
    }
    const timer = setTimeout(onEnd, requestTimeoutMs)
    socket.on('data', onData)
    socket.once('end', onEnd)
    signal.addEventListener('abort', onEnd, { once: true })
  })
}

/** Malformed UTF-8 is no request. */
function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** Who is at the other end of a connected unix socket. */
export function peerOf(socket: Socket): PeerCredentials {
  return peerCredentials(fileDescriptor(socket))
}

/** Node keeps the descriptor of a socket in its handle and offers no other way to it. */
function fileDescriptor(socket: Socket): number {
  const { _handle: handle } = socket as Socket & { _handle?: { fd?: number } }
  return handle?.fd ?? -1
}

/** A socket whose sidecar is dead stands in the way of bind(2); one that answers belongs to somebody. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined) return
  if (!found.isSocket())
    throw new PginstallError('io_error', `could not listen on "${path}": a file that is no socket is there`)
  if (await answers(path)) {
    throw new PginstallError('duplicate_object', `another sidecar listens on "${path}"`, {
      hint: 'Stop it first, or set another "socket".',
    })
  }
  // Another one that started when we did may have put its own there meanwhile.
  const now = lstatSync(path, { throwIfNoEntry: false })
  if (now?.ino === found.ino && now.ctimeMs === found.ctimeMs) unlinkSync(path)
}

/** Whether somebody listens. */
export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new PginstallError('io_error', `could not listen on "${path}": ${describeCause(cause)}`, { cause })),
    )
    server.listen({ path, backlog: 511 }, resolve)
  })
}
