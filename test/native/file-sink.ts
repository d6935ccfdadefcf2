import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { transfer } from '../../native/index.ts'
import { failsWith } from './helpers/failures.ts'
import { limits, serve, serveRaw, temporaryDirectory } from './helpers/servers.ts'

const content = Buffer.alloc(700_000, '0123456789')

/** Answers as RFC 9110 has it to "bytes=N-". */
function answerRange(request: IncomingMessage, response: ServerResponse): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  if (start === 0) return void response.end(content)
  if (start >= content.length) return void response.writeHead(416).end('nothing there')
  response.setHeader('content-range', `bytes ${start}-${content.length - 1}/${content.length}`)
  response.writeHead(206, { 'content-length': content.length - start })
  response.end(content.subarray(start))
}

test('the body goes to a new file that is nobody else’s to read', async (t) => {
  const url = await serve(t, answerRange)
  const file = join(temporaryDirectory(t), 'archive')
  const result = await transfer({ ...limits, url, sink: { file } })
  t.is(result.body, undefined)
  t.is(result.receivedBytes, content.length)
  t.true(readFileSync(file).equals(content))
  t.is(statSync(file).mode & 0o777, 0o600)
})

test('an empty body makes an empty file', async (t) => {
  const url = await serve(t, (_request, response) => response.end())
  const file = join(temporaryDirectory(t), 'archive')
  await transfer({ ...limits, url, sink: { file } })
  t.is(statSync(file).size, 0)
})

test('a file that is there is left as it is', async (t) => {
  const url = await serve(t, answerRange)
  const file = join(temporaryDirectory(t), 'archive')
  writeFileSync(file, 'precious')
  const error = await failsWith(t, transfer({ ...limits, url, sink: { file } }), 'PGI_FILE')
  t.is(error.osErrno, constants.errno.EEXIST)
  t.is(readFileSync(file, 'utf8'), 'precious')
})

test('a symbolic link is not followed, neither to create nor to resume', async (t) => {
  const url = await serve(t, answerRange)
  const directory = temporaryDirectory(t)
  const file = join(directory, 'link')
  symlinkSync(join(directory, 'target'), file)
  const created = await failsWith(t, transfer({ ...limits, url, sink: { file } }), 'PGI_FILE')
  t.is(created.osErrno, constants.errno.EEXIST)
  t.false(existsSync(join(directory, 'target')))
  writeFileSync(join(directory, 'target'), 'half')
  const resumed = await failsWith(t, transfer({ ...limits, url, sink: { file }, resumeFrom: 4 }), 'PGI_FILE')
  t.is(resumed.osErrno, constants.errno.ELOOP)
  t.is(readFileSync(join(directory, 'target'), 'utf8'), 'half')
})

test('a named pipe is refused, not waited for', async (t) => {
  const url = await serve(t, answerRange)
  const file = join(temporaryDirectory(t), 'pipe')
  execFileSync('mkfifo', [file])
  const resumed = await failsWith(t, transfer({ ...limits, url, sink: { file }, resumeFrom: 4 }), 'PGI_FILE')
  t.is(resumed.osErrno, constants.errno.ENXIO)
  const body = { file }
  const sent = await failsWith(t, transfer({ ...limits, url, method: 'PUT', body }), 'PGI_FILE')
  t.is(sent.osErrno, constants.errno.EINVAL)
})

test('a directory that is not there is an error', async (t) => {
  const url = await serve(t, answerRange)
  const file = join(temporaryDirectory(t), 'absent', 'archive')
  const error = await failsWith(t, transfer({ ...limits, url, sink: { file } }), 'PGI_FILE')
  t.is(error.osErrno, constants.errno.ENOENT)
  t.regex(error.message, /^could not create file ".*absent\/archive": No such file or directory$/)
})

test('an error page never becomes a file', async (t) => {
  const url = await serve(t, (_request, response) => response.writeHead(503).end('busy'))
  const file = join(temporaryDirectory(t), 'archive')
  const result = await transfer({ ...limits, url, sink: { file } })
  t.is(result.body?.toString(), 'busy')
  t.false(existsSync(file))
})

test('nothing received, no file', async (t) => {
  const port = await serveRaw(t, (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'))
  const file = join(temporaryDirectory(t), 'archive')
  await failsWith(t, transfer({ ...limits, url: `http://127.0.0.1:${port}`, sink: { file } }), 'CURLE_PARTIAL_FILE')
  t.false(existsSync(file))
})

test('what came before a failure stays, and is resumed', async (t) => {
  const file = join(temporaryDirectory(t), 'archive')
  const rude = await serve(t, (_request, response) => {
    response.writeHead(200, { 'content-length': content.length })
    response.write(content.subarray(0, 300_000), () => response.destroy())
  })
  await failsWith(t, transfer({ ...limits, url: rude, sink: { file } }), 'CURLE_PARTIAL_FILE')
  const resumeFrom = lstatSync(file).size
  t.true(resumeFrom > 0 && resumeFrom <= 300_000)

  const url = await serve(t, answerRange)
  const result = await transfer({ ...limits, url, sink: { file }, resumeFrom })
  t.is(result.status, 206)
  t.is(result.receivedBytes, content.length - resumeFrom)
  const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
  t.is(digest(readFileSync(file)), digest(content))
})

test('a server that begins again is not appended', async (t) => {
  const url = await serve(t, (_request, response) => response.end(content))
  const file = join(temporaryDirectory(t), 'archive')
  writeFileSync(file, 'half')
  await failsWith(t, transfer({ ...limits, url, sink: { file }, resumeFrom: 4 }), 'PGI_NOT_RESUMED')
  t.is(readFileSync(file, 'utf8'), 'half')
})

test('a 200 that is just as long as what is there is not taken for the end', async (t) => {
  const url = await serve(t, (_request, response) => response.end('full'))
  const file = join(temporaryDirectory(t), 'archive')
  writeFileSync(file, 'half')
  await failsWith(t, transfer({ ...limits, url, sink: { file }, resumeFrom: 4 }), 'PGI_NOT_RESUMED')
})

for (const range of ['bytes 3-9/10', 'bytes 40-49/50', 'octets 4-9/10', 'bytes */10', 'bytes 4', '']) {
  test(`a 206 that holds something else is not appended: "${range}"`, async (t) => {
    const url = await serve(t, (_request, response) => response.writeHead(206, { 'content-range': range }).end('other'))
    const file = join(temporaryDirectory(t), 'archive')
    writeFileSync(file, 'half')
    await failsWith(t, transfer({ ...limits, url, sink: { file }, resumeFrom: 4 }), 'PGI_NOT_RESUMED')
    t.is(readFileSync(file, 'utf8'), 'half')
  })
}

test('a file of another size than said is not resumed, and nothing is asked', async (t) => {
  const url = await serve(t, () => t.fail())
  const file = join(temporaryDirectory(t), 'archive')
  writeFileSync(file, 'half')
  await failsWith(t, transfer({ ...limits, url, sink: { file }, resumeFrom: 5 }), 'PGI_NOT_RESUMED')
})

test('nothing left to resume is a 416, as a result', async (t) => {
  const url = await serve(t, answerRange)
  const file = join(temporaryDirectory(t), 'archive')
  writeFileSync(file, content)
  const result = await transfer({ ...limits, url, sink: { file }, resumeFrom: content.length })
  t.is(result.status, 416)
  t.true(readFileSync(file).equals(content))
})

test('what is resumed counts towards the limit', async (t) => {
  const url = await serve(t, answerRange)
  const file = join(temporaryDirectory(t), 'archive')
  writeFileSync(file, content.subarray(0, 300_000))
  const options = { ...limits, url, sink: { file }, resumeFrom: 300_000 }
  await failsWith(t, transfer({ ...options, maxBytes: content.length - 1 }), 'PGI_TOO_LARGE')
  await transfer({ ...options, maxBytes: content.length })
  t.true(readFileSync(file).equals(content))
})
