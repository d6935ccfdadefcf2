// A static repository behind a web server that fails in every way web servers do, over HTTP or TLS.
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { type StaticRepository, serveStaticRepository } from './static-repository.ts'

type Exchange = {
  path: string
  content: string | Buffer | undefined
  request: IncomingMessage
  response: ServerResponse
}
export type Behaviour = (exchange: Exchange) => void

export type UnreliableRepository = StaticRepository & {
  /** What is done about each request from now on. */
  behave(behaviour: Behaviour): void
  /** Archives asked for since the behaviour was set. */
  archivesAsked(): number
  /** Hangs up on everybody and refuses connections, until start(). */
  stop(): Promise<void>
  start(): Promise<void>
}

export async function serveUnreliably(tls?: { key: Buffer; certificate: Buffer }): Promise<UnreliableRepository> {
  const inner = await serveStaticRepository()
  let behaviour: Behaviour = well
  let asked: string[] = []
  const listener: RequestListener = (request, response) => {
    const path = (request.url ?? '/').slice(1)
    asked.push(path)
    behaviour({ path, content: inner.files.get(path), request, response })
  }
  const sockets = new Set<Socket>()
  const server: Server =
    tls === undefined ? createServer(listener) : createTlsServer({ key: tls.key, cert: tls.certificate }, listener)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
  })
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  await listen(0)
  const { port } = server.address() as AddressInfo
  const stop = async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return {
    ...inner,
    uri: `${tls === undefined ? 'http://127.0.0.1' : 'https://localhost'}:${port}/`,
    behave(next) {
      behaviour = next
      asked = []
    },
    archivesAsked: () => asked.filter(isArchive).length,
    stop,
    start: () => listen(port),
    close() {
      void stop()
      inner.close()
    },
  }
}

export function isArchive(path: string): boolean {
  return path.endsWith('.tar.gz')
}

/** As any web server. */
export const well: Behaviour = ({ content, response }) => {
  response.writeHead(content === undefined ? 404 : 200).end(content)
}

export const failing: Behaviour = ({ response }) => {
  response.writeHead(500, { 'content-type': 'application/problem+json' })
  // A faulty server may say anything, such as that nobody has the extension.
  response.end(JSON.stringify({ sqlstate: '42704', title: 'extension "answer" is not available' }))
}

export const circular: Behaviour = ({ request, response }) => {
  response.writeHead(302, { location: request.url }).end()
}

/** Promises all and hangs up half-way. */
export const truncating: Behaviour = ({ content = '', response }) => {
  const bytes = Buffer.from(content)
  response.writeHead(200, { 'content-length': bytes.length })
  response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
}

/** Promises no more than it sends. */
export const shortened: Behaviour = ({ content = '', response }) => {
  const bytes = Buffer.from(content)
  response.writeHead(200).end(bytes.subarray(0, bytes.length / 2))
}

/** Sends half and then nothing. */
export const stalling: Behaviour = ({ content = '', response }) => {
  const bytes = Buffer.from(content)
  response.writeHead(200, { 'content-length': bytes.length })
  response.write(bytes.subarray(0, bytes.length / 2))
}

/** Hangs up on every second request. */
export function flapping(): Behaviour {
  let requests = 0
  return (exchange) => {
    if (requests++ % 2 === 0) exchange.response.destroy()
    else well(exchange)
  }
}

/** Does so to archives only. */
export function onArchives(behaviour: Behaviour): Behaviour {
  return (exchange) => (isArchive(exchange.path) ? behaviour(exchange) : well(exchange))
}

/** Does so to all but the file that says what there is. */
export function behindIndex(behaviour: Behaviour): Behaviour {
  return (exchange) => (exchange.path.endsWith('current.json') ? well(exchange) : behaviour(exchange))
}

/** Archives come half, and whole when the gate opens; `reached` resolves once one is asked for. */
export function gated(): { behaviour: Behaviour; reached: Promise<void>; open(): void } {
  const reached = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  return {
    behaviour: onArchives(({ content = '', response }) => {
      const bytes = Buffer.from(content)
      const half = bytes.length / 2
      response.writeHead(200, { 'content-length': bytes.length })
      response.write(bytes.subarray(0, half), () => reached.resolve())
      void gate.promise.then(() => response.end(bytes.subarray(half)))
    }),
    reached: reached.promise,
    open: () => gate.resolve(),
  }
}
