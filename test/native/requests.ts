import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import { curlVersion, type TransferOptions, transfer } from '../../native/index.ts'
import { failsWith } from './helpers/failures.ts'
import { limits, serve, serveRaw, serveUnix, temporaryDirectory } from './helpers/servers.ts'

test('a GET gives status, headers, body and how it came', async (t) => {
  const url = await serve(t, (_request, response) => {
    response.setHeader('Set-Cookie', ['a=1', 'b=2'])
    response.setHeader('X-Case', 'Kept')
    response.end('hello')
  })
  const result = await transfer({ ...limits, url: `${url}/a` })
  t.is(result.status, 200)
  t.deepEqual(result.headers['set-cookie'], ['a=1', 'b=2'])
  t.deepEqual(result.headers['x-case'], ['Kept'])
  t.is(result.body?.toString(), 'hello')
  t.is(result.receivedBytes, 5)
  t.is(result.httpVersion, '1.1')
  t.is(result.effectiveUrl, `${url}/a`)
  t.is(result.newConnections, 1)
})

// Serial: other tests' connections would push it out of the cache.
test.serial('a kept connection is used again', async (t) => {
  const url = await serve(t, (_request, response) => response.end())
  await transfer({ ...limits, url })
  t.is((await transfer({ ...limits, url })).newConnections, 0)
})

test('an error status is a result, with the body', async (t) => {
  const url = await serve(t, (_request, response) => response.writeHead(404).end('no such thing'))
  const result = await transfer({ ...limits, url, maxBytes: 1 })
  t.is(result.status, 404)
  t.is(result.body?.toString(), 'no such thing')
})

test('a HEAD has no body, and its length is under no limit', async (t) => {
  const url = await serve(t, (request, response) =>
    response.writeHead(200, { 'content-length': 1e9, x: request.method }).end(),
  )
  const result = await transfer({ ...limits, url, method: 'HEAD' })
  t.deepEqual(result.headers['content-length'], ['1000000000'])
  t.deepEqual(result.headers.x, ['HEAD'])
  t.is(result.body?.length, 0)
})

test('a POST sends bytes, and is not called a form', async (t) => {
  const url = await serve(t, async (request, response) => {
    const { method, headers } = request
    const body = await text(request)
    response.end(JSON.stringify({ method, type: headers['content-type'], length: headers['content-length'], body }))
  })
  const bytes = await transfer({ ...limits, url, method: 'POST', body: Buffer.from('grüße') })
  t.deepEqual(JSON.parse(String(bytes.body)), { method: 'POST', length: '7', body: 'grüße' })
  const empty = await transfer({ ...limits, url, method: 'POST', headers: { 'content-type': 'text/x' } })
  t.deepEqual(JSON.parse(String(empty.body)), { method: 'POST', type: 'text/x', length: '0', body: '' })
  const deleted = await transfer({ ...limits, url, method: 'DELETE' })
  t.is(JSON.parse(String(deleted.body)).method, 'DELETE')
})

test('a PUT sends a file', async (t) => {
  const file = join(temporaryDirectory(t), 'upload')
  const content = Buffer.alloc(3_000_000, 'abc')
  writeFileSync(file, content)
  const { promise, resolve } = Promise.withResolvers<Buffer>()
  const url = await serve(t, async (request, response) => {
    resolve(await buffer(request))
    response.writeHead(201).end()
  })
  const result = await transfer({ ...limits, url, method: 'PUT', body: { file } })
  t.is(result.status, 201)
  t.true(content.equals(await promise))
})

test('a file that is not there is not sent', async (t) => {
  const body = { file: join(temporaryDirectory(t), 'absent') }
  const url = await serve(t, () => t.fail())
  const error = await failsWith(t, transfer({ ...limits, url, method: 'PUT', body }), 'PGI_FILE')
  t.is(error.osErrno, 2)
})

test.serial('a body is sent again, from its start, where a kept connection was dead', async (t) => {
  let connections = 0
  const port = await serveRaw(t, (socket) => {
    const isFirst = ++connections === 1
    let requests = 0
    let received = ''
    socket.on('data', (data) => {
      received += data
      if (!received.includes('\r\n\r\n') || !received.endsWith('body')) return
      received = ''
      if (isFirst && ++requests === 2) socket.destroy()
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
  })
  const options: TransferOptions = {
    ...limits,
    url: `http://127.0.0.1:${port}`,
    method: 'PUT',
    body: Buffer.from('a body'),
  }
  await transfer(options)
  t.is((await transfer(options)).body?.toString(), 'ok')
  t.is(connections, 2)
})

test('headers are sent as given', async (t) => {
  const url = await serve(t, ({ headers }, response) => response.end(JSON.stringify(headers)))
  const sent = { 'x-one': 'a: b; c', 'x-empty': '', 'user-agent': 'pginstall' }
  const headers = JSON.parse(String((await transfer({ ...limits, url, headers: sent })).body))
  t.like(headers, sent)
  t.false('accept-encoding' in headers)
  t.false('content-type' in headers)
})

for (const [title, headers] of Object.entries({
  'CR and LF in a value': { a: 'b\r\nc: d' },
  'LF in a value': { a: 'b\nc: d' },
  'NUL in a value': { a: 'b\0c' },
  'LF in a name': { 'a\nb': 'c' },
  'a colon in a name': { 'a:b': 'c' },
  'a semicolon in a name': { 'a;': 'c' },
  'an empty name': { '': 'c' },
})) {
  test(`a header is refused: ${title}`, async (t) => {
    const url = await serve(t, () => t.fail())
    await failsWith(t, transfer({ ...limits, url, headers }), 'PGI_INVALID')
  })
}

for (const [title, options] of Object.entries({
  'a body with GET': { body: Buffer.of(1) },
  'a body with DELETE': { method: 'DELETE', body: Buffer.of(1) },
  'PUT without a body': { method: 'PUT' },
  'resuming a POST': { method: 'POST', resumeFrom: 1 },
  'a sink for HEAD': { method: 'HEAD', sink: { file: '/nowhere' } },
  'a proxy for a unix socket': { unixSocket: '/nowhere', proxy: 'http://127.0.0.1:1' },
  'NUL in a path': { sink: { file: '/tmp/a\0b' } },
  'a limit that is no number': { maxBytes: Number.NaN },
  'a negative limit': { maxBytes: -1 },
  'no time to connect': { connectTimeoutMs: 0 },
  'no time to stall': { stallTimeoutMs: 0 },
  'no time at all': { totalTimeoutMs: 0 },
} satisfies Record<string, Partial<TransferOptions>>)) {
  test(`an option is refused: ${title}`, async (t) => {
    const url = await serve(t, () => t.fail())
    await failsWith(t, transfer({ ...limits, url, ...options }), 'PGI_INVALID')
  })
}

for (const url of ['file:///etc/passwd', 'ftp://127.0.0.1/', 'gopher://127.0.0.1/', 'dict://127.0.0.1/']) {
  test(`only http and https: ${url}`, async (t) => {
    await failsWith(t, transfer({ ...limits, url }), 'CURLE_UNSUPPORTED_PROTOCOL')
  })
}

test('nobody listens: the error says so, with the errno', async (t) => {
  const port = await serveRaw(t, () => {})
  const error = await failsWith(t, transfer({ ...limits, url: `http://127.0.0.2:${port}` }), 'CURLE_COULDNT_CONNECT')
  t.is(error.curlCode, 7)
  t.is(error.osErrno, 111)
})

test('a body that ends early is an error', async (t) => {
  const port = await serveRaw(t, (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort'))
  await failsWith(t, transfer({ ...limits, url: `http://127.0.0.1:${port}` }), 'CURLE_PARTIAL_FILE')
})

test('an answer that is not HTTP is an error', async (t) => {
  const port = await serveRaw(t, (socket) => socket.end('SSH-2.0-rude\r\n'))
  await failsWith(t, transfer({ ...limits, url: `http://127.0.0.1:${port}` }), 'CURLE_UNSUPPORTED_PROTOCOL')
})

test('neither interim answers nor trailers pass for headers', async (t) => {
  const port = await serveRaw(t, (socket) => {
    socket.end(
      'HTTP/1.1 103 Early Hints\r\nX-Interim: 1\r\n\r\n' +
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n__proto__: x\r\nX-Folded: a\r\n  b\r\n\r\n' +
        '2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n',
    )
  })
  const { headers, body } = await transfer({ ...limits, url: `http://127.0.0.1:${port}` })
  t.deepEqual(Object.keys(headers), ['transfer-encoding', '__proto__', 'x-folded'])
  t.deepEqual(headers['x-folded'], ['a b'])
  t.is(body?.toString(), 'ok')
})

test('a compressed body stays as it was sent', async (t) => {
  const packed = gzipSync('text')
  const url = await serve(t, (_request, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed),
  )
  t.deepEqual((await transfer({ ...limits, url })).body, packed)
})

test('a unix socket is used whatever the host is called', async (t) => {
  const unixSocket = await serveUnix(t, ({ headers }, response) => response.end(headers.host))
  const result = await transfer({ ...limits, proxy: undefined, url: 'http://sidecar.invalid/', unixSocket })
  t.is(result.body?.toString(), 'sidecar.invalid')
})

test('of 200 transfers at once at most 64 are under way', async (t) => {
  let current = 0
  let most = 0
  const waiting: (() => void)[] = []
  const url = await serve(t, ({ url }, response) => {
    most = Math.max(most, ++current)
    waiting.push(() => {
      current--
      response.end(url)
    })
    // Answers come in bursts of eight: the server is never idle, and the queue never empty before the end.
    if (waiting.length >= 8) for (const answer of waiting.splice(0)) setImmediate(answer)
  })
  const results = await Promise.all(
    Array.from({ length: 200 }, (_, at) => transfer({ ...limits, url: `${url}/${at}` })),
  )
  t.deepEqual(
    results.map(({ body }) => body?.toString()),
    results.map((_, at) => `/${at}`),
  )
  t.true(most <= 64 && most > 8, `${most} at once`)
})

test('progress is told in order, with the total, and at the end', async (t) => {
  const url = await serve(t, (_request, response) => response.end(Buffer.alloc(500_000)))
  const told: [number, number | null][] = []
  await transfer({ ...limits, url, onProgress: (received, total) => told.push([received, total]) })
  t.deepEqual(told.at(-1), [500_000, 500_000])
  t.deepEqual(
    told,
    told.toSorted(([a], [b]) => a - b),
  )
  t.true(told.length <= 20)
})

test('what onProgress throws ends the transfer', async (t) => {
  const url = await serve(t, (_request, response) => response.end('x'))
  const reason = new Error('enough')
  const onProgress = () => {
    throw reason
  }
  t.is(await t.throwsAsync(transfer({ ...limits, url, onProgress })), reason)
})

test('libcurl says which it is', (t) => t.regex(curlVersion(), /^libcurl\/\d+\.\d+\.\d+ /))
