// Whoever sits between sidecar and repository, or sends it elsewhere: clear text and unsigned indexes do not leave the machine.
import { createServer as createHttpServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { createHttpClient, type HttpRoute } from '../../src/adapters/http-client.ts'
import { RepositoryClient } from '../../src/adapters/repository-client.ts'
import { reportError } from '../../src/model/errors.ts'
import { elsewhere, makeCertificates } from '../helpers/certificates.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'
import { serveUnreliably } from '../helpers/unreliable-repository.ts'

const { signal } = new AbortController()
const limits = { connectTimeoutMs: 5000, stallTimeoutMs: 60_000 }
const directory = makeTemporaryDirectory('network')
test.after.always(() => directory.remove())

let count = 0
/** The index of a repository on loopback, by this way. */
function refresh(uri: string, keys: string[], route: HttpRoute = {}) {
  const settings = { name: 'main', uri, keys, unsigned: keys.length === 0, fallback: false, caFile: '', proxy: '' }
  const state = directory.make(String(count++))
  const places = { directory: `${state}/repositories`, work: `${state}/incoming` }
  const client = new RepositoryClient(settings, { ...places, http: createHttpClient(limits, route) })
  return client.refresh(signal, new Date())
}

async function listen(t: ExecutionContext, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

function redirectTo(t: ExecutionContext, location: string): Promise<string> {
  return listen(
    t,
    createHttpServer((request, response) => {
      response.writeHead(302, { location: new URL(request.url ?? '/', location).href }).end()
    }),
  )
}

test('a repository on loopback that sends us over a network in clear text is not followed', async (t) => {
  const uri = await redirectTo(t, `http://${elsewhere}/`)
  const error = await t.throwsAsync(refresh(uri, ['ed25519:' + Buffer.alloc(32).toString('base64')]))
  t.like(error, { sqlstate: '58030' })
  t.regex(error?.message ?? '', /redirect to "http:\/\/repository\.invalid\/.*" leads over a network in clear text/)
})

test('an unsigned index comes from this machine, wherever its server sends us', async (t) => {
  const certificates = makeCertificates(directory.make('certificates'))
  const repository = await serveUnreliably(certificates)
  const proxy = createHttpServer()
  proxy.on('connect', (_request, socket) => {
    const { port, hostname } = new URL(repository.uri)
    const there = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      there.pipe(socket).pipe(there)
    })
    for (const end of [socket, there]) {
      end.on('error', () => undefined)
      t.teardown(() => void end.destroy())
    }
  })
  t.teardown(() => repository.close())
  repository.publish()
  const uri = await redirectTo(t, `https://${elsewhere}/`)
  // Redirects on loopback go past the proxy.
  const route = { caFile: certificates.ca, proxy: await listen(t, proxy) }
  proxy.on('request', (request, response) => {
    const { pathname } = new URL(request.url ?? '')
    response.writeHead(302, { location: `https://${elsewhere}${pathname}` }).end()
  })
  t.is((await refresh(uri, [repository.publicKey], route)).version, 1)
  const error = await t.throwsAsync(refresh(uri, [], route))
  t.like(error, { sqlstate: 'PI003' })
  t.regex(error?.message ?? '', /unsigned index comes over a network/)
})

test.serial('a proxy of the environment is not asked for what is on loopback', async (t) => {
  const repository = await serveUnreliably()
  t.teardown(() => repository.close())
  repository.publish()
  const proxy = await listen(
    t,
    createHttpServer((_request, response) => response.writeHead(403).end()),
  )
  process.env.http_proxy = proxy
  t.teardown(() => delete process.env.http_proxy)
  t.is((await refresh(repository.uri, [repository.publicKey])).version, 1)
})

test('what a server says is wrong is shown without what would play tricks on a terminal or a database', async (t) => {
  const title = `no\u001b]0;evil\u0007\u0000 \ud800 \u202etxt.exe\u0085${'x'.repeat(50_000)}`
  const server = createHttpServer((request, response) => {
    if (request.url?.startsWith('/redirected/')) {
      request.socket.end('HTTP/1.1 302 Found\r\nLocation: http://\u001b[2J.example/\r\n\r\n')
      return
    }
    response.writeHead(500, { 'content-type': 'application/problem+json' })
    response.end(JSON.stringify({ sqlstate: '58000', title }))
  })
  const uri = await listen(t, server)
  for (const place of [uri, `${uri}redirected/`]) {
    const report = reportError(await t.throwsAsync(refresh(place, ['ed25519:' + Buffer.alloc(32).toString('base64')])))
    const text = JSON.stringify(report)
    t.true(text.length < 1000, text)
    t.notRegex(text, /\\u0|\\ud800|[\p{Cc}\u202e]/u)
    t.regex(text, /\ufffd/)
  }
})
