// Real servers on loopback, polite and rude, that end with the test that started them.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createNetServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import type { TransferOptions } from '../../../native/index.ts'

/** What nearly every test asks for. */
export const limits = {
  maxBytes: 1_000_000,
  connectTimeoutMs: 5_000,
  stallTimeoutMs: 5_000,
  proxy: '',
} satisfies Partial<TransferOptions>

export function temporaryDirectory(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'pginstall-native-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** An HTTP/1.1 origin; returns its URL, without a slash at the end. */
export async function serve(t: ExecutionContext, listener: RequestListener): Promise<string> {
  const server = createHttpServer(listener)
  return `http://127.0.0.1:${await listen(t, server)}`
}

/** An HTTP/1.1 origin on a unix socket; returns the socket's path. */
export async function serveUnix(t: ExecutionContext, listener: RequestListener): Promise<string> {
  const path = join(temporaryDirectory(t), 'socket')
  await listen(t, createHttpServer(listener), path)
  return path
}

/** A TLS origin for `localhost` that `certificates(t).ca` vouches for. */
export async function serveTls(t: ExecutionContext, listener: RequestListener): Promise<string> {
  const { key, certificate } = certificates(t)
  const server = createHttpsServer({ key, cert: certificate }, listener)
  return `https://localhost:${await listen(t, server)}`
}

export async function serveHttp2(
  t: ExecutionContext,
  listener: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
): Promise<{ url: string; connections: () => number }> {
  const { key, certificate } = certificates(t)
  const server = createSecureServer({ key, cert: certificate }, listener)
  let connections = 0
  server.on('secureConnection', () => connections++)
  return { url: `https://localhost:${await listen(t, server)}`, connections: () => connections }
}

/** Says what it likes to whoever connects; returns the port. */
export async function serveRaw(t: ExecutionContext, onConnection: (socket: Socket) => void): Promise<number> {
  return listen(t, createNetServer(onConnection))
}

async function listen(t: ExecutionContext, server: Server, path?: string): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  if (path === undefined) server.listen(0, '127.0.0.1', resolve)
  else server.listen(path, resolve)
  await promise
  t.teardown(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  })
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

export interface Certificates {
  /** Path of the authority's certificate. */
  ca: string
  /** Path of the certificate of an authority that signed nothing. */
  stranger: string
  key: Buffer
  certificate: Buffer
}

let made: Certificates | undefined

/** One authority for each process: making it takes tens of milliseconds. */
export function certificates(t: ExecutionContext): Certificates {
  made ??= makeCertificates()
  t.truthy(made.key.length)
  return made
}

function makeCertificates(): Certificates {
  const directory = mkdtempSync(join(tmpdir(), 'pginstall-native-ca-'))
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }))
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const authority = (name: string) =>
    openssl('req', '-x509', ...curve, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.pem`)
  authority('ca')
  authority('stranger')
  const signed = ['-x509', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-addext', 'subjectAltName=DNS:localhost']
  openssl('req', ...signed, ...curve, '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.pem')
  return {
    ca: join(directory, 'ca.pem'),
    stranger: join(directory, 'stranger.pem'),
    key: readFileSync(join(directory, 'server.key')),
    certificate: readFileSync(join(directory, 'server.pem')),
  }
}
