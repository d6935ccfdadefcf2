import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { transfer } from '../../native/index.ts'
import { certificates, limits, serve, serveHttp2 } from './helpers/servers.ts'

const mebibyte = 1024 * 1024

test('chunks come whole and in order, none above 256 KiB', async (t) => {
  const content = Buffer.from(Uint8Array.from({ length: 900_000 }, (_, at) => at % 251))
  const url = await serve(t, (_request, response) => response.end(content))
  const chunks: Buffer[] = []
  const result = await transfer({ ...limits, url, sink: { chunks: (chunk) => void chunks.push(chunk) } })
  t.is(result.body, undefined)
  t.is(result.receivedBytes, content.length)
  t.true(Buffer.concat(chunks).equals(content))
  t.true(chunks.every(({ length }) => length > 0 && length <= 256 * 1024))
})

test('an error page is a body, not chunks', async (t) => {
  const url = await serve(t, (_request, response) => response.writeHead(500).end('oops'))
  const result = await transfer({ ...limits, url, sink: { chunks: () => t.fail() } })
  t.is(result.body?.toString(), 'oops')
})

test('no chunk comes while the promise of the one before is pending', async (t) => {
  const url = await serve(t, (_request, response) => response.end(Buffer.alloc(900_000)))
  let pending = 0
  const chunks = async () => {
    t.is(++pending, 1)
    await new Promise(setImmediate)
    pending--
  }
  await transfer({ ...limits, url, sink: { chunks } })
  t.is(pending, 0)
})

test('the server is held up while the first chunk is being dealt with, and that is no stall', async (t) => {
  const piece = Buffer.alloc(mebibyte)
  const heldUp = Promise.withResolvers<number>()
  const url = await serve(t, async (_request, response) => {
    for (let sent = 1; sent <= 64; sent++) {
      if (response.write(piece)) continue
      const isDrained = await Promise.race([once(response, 'drain').then(() => true), delay(400, false)])
      if (!isDrained) heldUp.resolve(sent)
      if (!isDrained) await once(response, 'drain')
    }
    response.end()
  })
  let waited: Promise<number> | undefined
  const chunks = async () => {
    waited ??= heldUp.promise
    await waited
  }
  const options = { ...limits, url, maxBytes: 100 * mebibyte, stallTimeoutMs: 200, sink: { chunks } }
  t.is((await transfer(options)).receivedBytes, 64 * mebibyte)
  const sent = await heldUp.promise
  t.true(sent < 32, `the server sent ${sent} MiB to somebody who does not read`)
})

test('memory is bounded by chunks, not by the body', async (t) => {
  const piece = Buffer.alloc(mebibyte)
  const url = await serve(t, async (_request, response) => {
    for (let sent = 0; sent < 200; sent++) if (!response.write(piece)) await once(response, 'drain')
    response.end()
  })
  const before = process.memoryUsage.rss()
  let most = 0
  const chunks = async () => {
    most = Math.max(most, process.memoryUsage.rss() - before)
    await new Promise(setImmediate)
  }
  await transfer({ ...limits, url, maxBytes: 200 * mebibyte, sink: { chunks } })
  t.true(most < 100 * mebibyte, `${most} bytes`)
})

test('with HTTP/2 a stream that waits does not hold up another', async (t) => {
  const content = Buffer.alloc(4 * mebibyte)
  const { url, connections } = await serveHttp2(t, (_request, response) => response.end(content))
  const options = { ...limits, maxBytes: content.length, url, caFile: certificates(t).ca }
  const first = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const chunks = async () => {
    first.resolve()
    await gate.promise
  }
  const waiting = transfer({ ...options, sink: { chunks } })
  await first.promise
  t.is((await transfer(options)).receivedBytes, content.length)
  gate.resolve()
  t.is((await waiting).receivedBytes, content.length)
  t.is(connections(), 1)
})

for (const [title, chunks] of Object.entries({
  throws: (reason: Error) => {
    throw reason
  },
  rejects: async (reason: Error) => {
    await new Promise(setImmediate)
    throw reason
  },
})) {
  test(`a sink that ${title} ends the transfer with its own error`, async (t) => {
    const closed = Promise.withResolvers<void>()
    const url = await serve(t, (_request, response) => {
      response.on('close', closed.resolve)
      response.write('begin')
    })
    const reason = new Error('disk full')
    t.is(await t.throwsAsync(transfer({ ...limits, url, sink: { chunks: () => chunks(reason) } })), reason)
    await closed.promise
  })
}
