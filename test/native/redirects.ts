import test from 'ava'
import { transfer } from '../../native/index.ts'
import { failsWith } from './helpers/failures.ts'
import { certificates, limits, serve, serveRaw, serveTls } from './helpers/servers.ts'

const secrets = { authorization: 'Bearer secret', cookie: 'session=secret' }

test('a redirect is followed, and the last answer counts', async (t) => {
  const url = await serve(t, (request, response) => {
    if (request.url === '/new') response.end('there')
    else response.writeHead(302, { location: '/new', 'x-old': '1' }).end('elsewhere')
  })
  const result = await transfer({ ...limits, url: `${url}/old` })
  t.is(result.status, 200)
  t.is(result.body?.toString(), 'there')
  t.is(result.effectiveUrl, `${url}/new`)
  t.false('x-old' in result.headers)
})

test('without redirects allowed, one is a result', async (t) => {
  const url = await serve(t, (_request, response) => response.writeHead(302, { location: '/new' }).end('elsewhere'))
  const result = await transfer({ ...limits, url, maxRedirects: 0 })
  t.is(result.status, 302)
  t.deepEqual(result.headers.location, ['/new'])
  t.is(result.body?.toString(), 'elsewhere')
})

test('a loop ends', async (t) => {
  let asked = 0
  const url = await serve(t, (_request, response) => {
    asked++
    response.writeHead(302, { location: '/' }).end()
  })
  await failsWith(t, transfer({ ...limits, url }), 'CURLE_TOO_MANY_REDIRECTS')
  t.is(asked, 6)
})

test('a request that changes something is not redirected', async (t) => {
  const asked: string[] = []
  const url = await serve(t, (request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.writeHead(307, { location: '/new' }).end()
  })
  t.is((await transfer({ ...limits, url, method: 'POST', body: Buffer.from('x') })).status, 307)
  t.deepEqual(asked, ['POST /'])
})

test('https is not left for http', async (t) => {
  const plain = await serve(t, () => t.fail())
  const url = await serveTls(t, (_request, response) => response.writeHead(302, { location: plain }).end())
  await failsWith(t, transfer({ ...limits, url, caFile: certificates(t).ca }), 'CURLE_UNSUPPORTED_PROTOCOL')
})

test('https is not left for http, where it was come to from http', async (t) => {
  const plain = await serve(t, () => t.fail())
  const secure = await serveTls(t, (_request, response) => response.writeHead(302, { location: plain }).end())
  const url = await serve(t, (_request, response) => response.writeHead(302, { location: secure }).end())
  await failsWith(t, transfer({ ...limits, url, caFile: certificates(t).ca }), 'CURLE_UNSUPPORTED_PROTOCOL')
})

test('http may be left for https', async (t) => {
  const secure = await serveTls(t, (_request, response) => response.end('safe'))
  const url = await serve(t, (_request, response) => response.writeHead(302, { location: secure }).end())
  t.is((await transfer({ ...limits, url, caFile: certificates(t).ca })).body?.toString(), 'safe')
})

for (const location of ['file:///etc/passwd', 'ftp://127.0.0.1/', 'scp://127.0.0.1/']) {
  test(`nothing but http and https is gone to: ${location}`, async (t) => {
    const url = await serve(t, (_request, response) => response.writeHead(302, { location }).end())
    await failsWith(t, transfer({ ...limits, url }), 'CURLE_UNSUPPORTED_PROTOCOL')
  })
}

test('credentials stay with the host, scheme and port they were meant for', async (t) => {
  const seen: Record<string, unknown> = {}
  const other = await serve(t, ({ headers }, response) => {
    seen[String(headers.host)] = [headers.authorization, headers.cookie]
    response.end()
  })
  const byName = other.replace('127.0.0.1', 'localhost')
  for (const location of [`${other}/port`, `${byName}/host`]) {
    const url = await serve(t, (_request, response) => response.writeHead(302, { location }).end())
    t.is((await transfer({ ...limits, url, headers: secrets })).status, 200)
    const withUser = url.replace('//', '//user:secret@')
    t.is((await transfer({ ...limits, url: withUser })).status, 200)
    t.deepEqual(seen[new URL(location).host], [undefined, undefined])
  }
})

test('credentials go along to the same place', async (t) => {
  const url = await serve(t, (request, response) => {
    if (request.url === '/new') response.end(request.headers.authorization)
    else response.writeHead(302, { location: '/new' }).end()
  })
  t.is((await transfer({ ...limits, url, headers: secrets })).body?.toString(), secrets.authorization)
})

const network = 'http://repository.invalid/'
for (const location of [
  ...[network, '//repository.invalid/', 'HTTP://192.0.2.1/', 'http:\\\\192.0.2.1/', 'http://127.0.0.1@192.0.2.1/'],
  'http://127.repository.invalid/',
]) {
  test(`clear text does not leave this machine: ${location}`, async (t) => {
    const url = await serve(t, (_request, response) => response.writeHead(302, { location }).end())
    const error = await failsWith(t, transfer({ ...limits, url }), 'PGI_REDIRECT')
    t.true(error.message.includes(location), error.message)
  })
}

test('clear text does not leave this machine by the second of two hops, or the second of two headers', async (t) => {
  const far = await serve(t, (_request, response) => response.writeHead(302, { location: network }).end())
  const url = await serve(t, (_request, response) => response.writeHead(302, { location: far }).end())
  await failsWith(t, transfer({ ...limits, url }), 'PGI_REDIRECT')
  const port = await serveRaw(t, (socket) => {
    socket.end(`HTTP/1.1 302 Found\r\nLocation: /x\r\nlocation:\t${network}\r\nContent-Length: 0\r\n\r\n`)
  })
  await failsWith(t, transfer({ ...limits, url: `http://127.0.0.1:${port}` }), 'PGI_REDIRECT')
})

test('a header Location of what is no redirect leads nowhere', async (t) => {
  const url = await serve(t, (_request, response) => response.writeHead(201, { location: network }).end('made'))
  t.is((await transfer({ ...limits, url })).body?.toString(), 'made')
})
