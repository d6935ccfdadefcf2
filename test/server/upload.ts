import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { parseNameIndex, parseTopIndex } from '../../src/model/index.ts'
import { openIndex } from '../../src/model/signature.ts'
import { manifestOf, tarOf } from '../adapters/helpers/archives.ts'
import { makeArchive } from './helpers/archives.ts'
import { problem, startServer, type TestServer } from './helpers/repository-server.ts'
import { request } from './helpers/request.ts'

let server: TestServer

test.before(async () => {
  server = await startServer()
})

test.after.always(async () => {
  await server?.close()
  server?.directory.remove()
})

async function indexedFiles(t: ExecutionContext, name: string): Promise<string[]> {
  const current = await server.ask(t, '/index/current.json')
  const { names } = parseTopIndex(openIndex(current.body.toString(), [server.publicKey]))
  if (names[name] === undefined) return []
  const index = parseNameIndex((await server.ask(t, `/index/${names[name]}.json`)).body.toString())
  return index.extensions.flatMap(({ releases }) =>
    releases.flatMap(({ archives }) => archives.map(({ file }) => file)),
  )
}

test('publishes an archive, and is content with the same bytes again', async (t) => {
  const archive = makeArchive({ fullName: 'x.example/y/again' })
  const first = await server.upload(t, archive)
  t.is(first.status, 201)
  t.like(first.json(), { file: archive.file, size: archive.bytes.length, created: true })
  const second = await server.upload(t, archive)
  t.is(second.status, 200)
  t.deepEqual(second.json(), { ...(first.json() as object), created: false })
  t.deepEqual(await indexedFiles(t, 'again'), [archive.file])
})

test('refuses other bytes under an identity that is published, and hints at the next build', async (t) => {
  const fullName = 'x.example/y/immutable'
  const archive = makeArchive({ fullName })
  await server.upload(t, archive)
  const body = problem(t, await server.upload(t, makeArchive({ fullName, salt: 'other' })), 409, '42710')
  t.regex(body.hint ?? '', /next build number: "x\.example\+y\+immutable--1\.0--any--2\.tar\.gz"/)
  const kept = await server.ask(t, '/get/immutable/1.0')
  t.deepEqual((await server.ask(t, String(kept.headers.location))).body, archive.bytes)
  t.is((await server.upload(t, makeArchive({ fullName, salt: 'other', build: 2 }))).status, 201)
})

test('of two uploads of one identity at the same time, one is published', async (t) => {
  const fullName = 'x.example/y/race'
  const answers = await Promise.all(
    ['a', 'b', 'c', 'd'].map((salt) => server.upload(t, makeArchive({ fullName, salt }))),
  )
  t.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409, 409])
  t.is((await indexedFiles(t, 'race')).length, 1)
})

test('the same bytes at the same time are published once', async (t) => {
  const archive = makeArchive({ fullName: 'x.example/y/twins' })
  const answers = await Promise.all([1, 2, 3].map(() => server.upload(t, archive)))
  t.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 201])
})

test('uploads at the same time all come into the index', async (t) => {
  const archives = ['1.0', '1.1', '1.2', '1.3', '1.4'].map((version) =>
    makeArchive({ fullName: 'x.example/y/many', version }),
  )
  for (const answer of await Promise.all(archives.map((archive) => server.upload(t, archive)))) t.is(answer.status, 201)
  t.deepEqual((await indexedFiles(t, 'many')).sort(), archives.map(({ file }) => file).sort())
})

test('refuses a full name that differs only in case from one that is there', async (t) => {
  await server.upload(t, makeArchive({ fullName: 'x.example/Case/one' }))
  const body = problem(t, await server.upload(t, makeArchive({ fullName: 'x.example/case/one' })), 409, '42710')
  t.regex(body.title, /differs only in case from "x\.example\/Case\/one"/)
  t.deepEqual(await indexedFiles(t, 'one'), [makeArchive({ fullName: 'x.example/Case/one' }).file])
})

test('changes nothing without the token', async (t) => {
  const archive = makeArchive({ fullName: 'x.example/y/stranger' })
  const credentials: Record<string, string>[] = [
    {},
    { authorization: server.authorization.slice(0, -1) },
    { authorization: `${server.authorization}x` },
    { authorization: 'Bearer' },
    { authorization: 'Bearer ' },
    { authorization: server.authorization.replace('Bearer', 'Basic') },
    { authorization: server.authorization.slice('Bearer '.length) },
    { cookie: `token=${server.authorization}` },
  ]
  for (const headers of credentials) {
    const answer = await server.upload(t, archive, { headers })
    problem(t, answer, 401, '42501')
    t.regex(String(answer.headers['www-authenticate']), /^Bearer realm=/)
  }
  problem(t, await server.ask(t, '/list/stranger/versions'), 404, '42704')
})

test('a stranger who goes on sending is hung up on', async (t) => {
  const body = Buffer.alloc(64 * 1024 * 1024)
  const { hostname, port } = new URL(server.uri)
  const socket = connect(Number(port), hostname)
  t.teardown(() => socket.destroy())
  let received = ''
  socket.on('data', (chunk: Buffer) => {
    received += chunk
  })
  const closed = new Promise<void>((resolve) => socket.on('error', () => undefined).on('close', () => resolve()))
  socket.write(
    `PUT /archives/x.example+y+x--1.0--any--1.tar.gz HTTP/1.1\r\nhost: x\r\ncontent-length: 1073741824\r\n\r\n`,
  )
  socket.write(body)
  await closed
  t.regex(received, /^HTTP\/1\.1 401 [\s\S]*\r\nconnection: close\r\n/i)
})

const good = makeArchive({ fullName: 'x.example/y/bad' })
const other = makeArchive({ fullName: 'x.example/y/bad', version: '2.0' })
const liar = gzipSync(
  tarOf([
    {
      path: 'manifest.json',
      content: JSON.stringify(
        manifestOf([{ path: 'bad.control', kind: 'control', content: 'a' }], {
          full_name: 'x.example/y/bad',
          name: 'bad',
        }),
      ),
    },
    { path: 'bad.control', content: 'b' },
  ]),
)
const refusals: [why: string, file: string, body: Buffer | string, status: number, sqlstate: string][] = [
  ['another version than its name says', good.file, other.bytes, 422, 'PI003'],
  ['not gzip', good.file, 'hello', 422, 'PI003'],
  ['cut short', good.file, good.bytes.subarray(0, -20), 422, 'PI003'],
  ['followed by more', good.file, Buffer.concat([good.bytes, good.bytes]), 422, 'PI003'],
  ['with a file that is not what the manifest says', good.file, liar, 422, 'PI003'],
  ['nothing', good.file, '', 400, '42601'],
  ['too large', good.file, Buffer.alloc(1024 * 1024 + 1), 413, '54000'],
  ['called what no archive is', 'archive.zip', good.bytes, 400, '42602'],
  ['called by a version that is none', 'x.example+y+bad--.--any--1.tar.gz', good.bytes, 400, '42602'],
  ['called by a path', '..%2f..%2fadmin-token', good.bytes, 400, '42602'],
  ['with a build number that begins with 0', good.file.replace('--1.tar.gz', '--01.tar.gz'), good.bytes, 400, '42602'],
]

for (const [why, file, body, status, sqlstate] of refusals) {
  test(`refuses an upload that is ${why}`, async (t) => {
    const headers = { authorization: server.authorization }
    problem(t, await server.ask(t, `/archives/${file}`, { method: 'PUT', headers, body }), status, sqlstate)
    problem(t, await server.ask(t, '/list/bad/versions'), 404, '42704')
  })
}

test('refuses an upload that is too large, but does not say so', async (t) => {
  const headers = { authorization: server.authorization, 'transfer-encoding': 'chunked' }
  const answer = await server.upload(
    t,
    { ...good, bytes: Buffer.alloc(1024 * 1024 + 1) },
    { headers, body: Buffer.alloc(1024 * 1024 + 1) },
  )
  problem(t, answer, 413, '54000')
})

test.serial('keeps nothing of uploads that fail or are cut off', async (t) => {
  const archive = makeArchive({ fullName: 'x.example/y/cut' })
  const headers = { authorization: server.authorization, 'content-length': String(archive.bytes.length) }
  const options = { method: 'PUT', headers, body: archive.bytes, cutAfter: 100 }
  await t.throwsAsync(request(server.localUri, `/archives/${archive.file}`, options), { message: 'cut' })
  await server.upload(t, { ...archive, bytes: Buffer.from('junk') })
  // Closing waits for whatever is still being taken in.
  await server.close()
  t.deepEqual(readdirSync(join(server.dataDirectory, 'archives', 'incoming')), [])
  server = await startServer({}, server.directory)
  problem(t, await server.ask(t, '/list/cut/versions'), 404, '42704')
})
