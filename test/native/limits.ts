import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { transfer } from '../../native/index.ts'
import { failsWith } from './helpers/failures.ts'
import { limits, serve, serveRaw } from './helpers/servers.ts'

test('a length above the limit ends the transfer at once', async (t) => {
  const url = await serve(t, (_request, response) => {
    response.writeHead(200, { 'content-length': 1_000_001 })
    response.write('x')
  })
  const error = await failsWith(t, transfer({ ...limits, url }), 'PGI_TOO_LARGE')
  t.is(error.message, 'response of 1000001 bytes is larger than 1000000 bytes')
})

test('a body without a length is cut at the limit', async (t) => {
  const url = await serve(t, (_request, response) => {
    const more = () => response.write(Buffer.alloc(10_000), (error) => error ?? more())
    more()
  })
  await failsWith(t, transfer({ ...limits, url }), 'PGI_TOO_LARGE')
})

test('a body of just the limit is taken', async (t) => {
  const url = await serve(t, (_request, response) => response.end(Buffer.alloc(1_000_000)))
  t.is((await transfer({ ...limits, url })).body?.length, 1_000_000)
})

test('of an error page 64 KiB are kept, however long it is', async (t) => {
  const url = await serve(t, (_request, response) => {
    response.writeHead(500)
    const more = () => response.write(Buffer.alloc(10_000), (error) => error ?? more())
    more()
  })
  const result = await transfer({ ...limits, url })
  t.is(result.status, 500)
  t.is(result.body?.length, 64 * 1024)
})

test('headers without end are cut', async (t) => {
  const line = `x: ${'y'.repeat(1000)}\r\n`
  const port = await serveRaw(t, (socket) => {
    const more = () => socket.write(line, (error) => error ?? more())
    socket.write('HTTP/1.1 200 OK\r\n')
    more()
  })
  await failsWith(t, transfer({ ...limits, url: `http://127.0.0.1:${port}` }), 'PGI_TOO_LARGE')
})

test('interim answers without end are cut', async (t) => {
  const port = await serveRaw(t, (socket) => {
    const more = () =>
      socket.write(`HTTP/1.1 103 Early Hints\r\nx: ${'y'.repeat(1000)}\r\n\r\n`, (error) => error ?? more())
    more()
  })
  await failsWith(t, transfer({ ...limits, url: `http://127.0.0.1:${port}` }), 'PGI_TOO_LARGE')
})

test('a server that falls silent is given up', async (t) => {
  const url = await serve(t, (_request, response) => response.write('begin'))
  const started = performance.now()
  await failsWith(t, transfer({ ...limits, url, stallTimeoutMs: 200 }), 'PGI_STALLED')
  const took = performance.now() - started
  t.true(took >= 200 && took < 2_000, `${took} ms`)
})

test('a server that never answers is given up', async (t) => {
  const port = await serveRaw(t, () => {})
  await failsWith(t, transfer({ ...limits, url: `http://127.0.0.1:${port}`, stallTimeoutMs: 200 }), 'PGI_STALLED')
})

test('a server that is slow, but not silent, is waited for', async (t) => {
  const url = await serve(t, async (_request, response) => {
    for (let sent = 0; sent < 12; sent++) {
      response.write('x')
      await delay(200)
    }
    response.end()
  })
  // Longer in all than the limit, with room for a machine that is busy.
  t.is((await transfer({ ...limits, url, stallTimeoutMs: 1500 })).receivedBytes, 12)
})

test('the total time is limited, whatever comes', async (t) => {
  const url = await serve(t, async (_request, response) => {
    while (!response.destroyed) {
      response.write('x')
      await delay(20)
    }
  })
  await failsWith(t, transfer({ ...limits, url, totalTimeoutMs: 200 }), 'CURLE_OPERATION_TIMEDOUT')
})

test('the time to connect covers the TLS handshake', async (t) => {
  const port = await serveRaw(t, () => {})
  const url = `https://127.0.0.1:${port}`
  await failsWith(t, transfer({ ...limits, url, connectTimeoutMs: 200 }), 'CURLE_OPERATION_TIMEDOUT')
})

test('the rate is kept, from the first byte on, and waiting for it is no stall', async (t) => {
  const url = await serve(t, (_request, response) => response.end(Buffer.alloc(40_000)))
  const started = performance.now()
  await transfer({ ...limits, url, maxBytesPerSecond: 15_000, stallTimeoutMs: 1500 })
  const took = performance.now() - started
  t.true(took >= 2_000 && took < 20_000, `${took} ms`)
})
