import test from 'ava'
import { parseNameIndex, parseTopIndex } from '../../src/model/index.ts'
import { openIndex } from '../../src/model/signature.ts'
import { architecture, makeArchive, type TestArchive } from './helpers/archives.ts'
import { problem, startServer, type TestServer } from './helpers/repository-server.ts'

const platform = `debian12-${architecture}`
const prefixOfDim = makeArchive({
  fullName: 'github.com/dim/prefix',
  version: '1.2.10',
  updates: [
    ['1.2.9', '1.2.10'],
    ['1.0', '1.2.9'],
  ],
})
const olderPrefixOfDim = makeArchive({
  fullName: 'github.com/dim/prefix',
  version: '1.2.9',
  updates: [['1.0', '1.2.9']],
  description: 'old words',
})
const prefixOfFdr = makeArchive({ fullName: 'github.com/fdr/prefix' })
const only = makeArchive({ fullName: 'x.example/y/only' })
const modules = [
  makeArchive({ fullName: 'x.example/y/mod', major: 15 }),
  makeArchive({ fullName: 'x.example/y/mod', major: 15, build: 2, salt: 'rebuilt' }),
  makeArchive({ fullName: 'x.example/y/mod', major: 16 }),
  makeArchive({ fullName: 'x.example/y/mod', major: 16, os: 'debian13' }),
]
const archives = [prefixOfDim, olderPrefixOfDim, prefixOfFdr, only, ...modules]

let server: TestServer
const paths = new Map<TestArchive, string>()

test.before(async (t) => {
  server = await startServer()
  for (const archive of archives) {
    const answer = await server.upload(t, archive)
    paths.set(archive, String(answer.headers.location))
  }
})

test.after.always(async () => {
  await server?.close()
  server?.directory.remove()
})

test('lists the extensions with their default versions', async (t) => {
  const answer = await server.ask(t, '/list/extensions/')
  const { extensions } = answer.json() as {
    extensions: { full_name: string; default_version: string; description: string }[]
  }
  t.deepEqual(
    extensions.map(({ full_name, default_version }) => [full_name, default_version]),
    [
      ['github.com/dim/prefix', '1.2.10'],
      ['github.com/fdr/prefix', '1.0'],
      ['x.example/y/mod', '1.0'],
      ['x.example/y/only', '1.0'],
    ],
  )
  t.is(extensions[0]?.description, 'what prefix does', 'an older release does not change the words')
  t.is((await server.ask(t, '/list/extensions')).status, 200)
})

for (const name of ['github.com/dim/prefix', 'github.com%2Fdim%2Fprefix', 'github.com%2fdim/prefix']) {
  test(`lists versions of ${name}, newest first`, async (t) => {
    const answer = await server.ask(t, `/list/${name}/versions`)
    const body = answer.json() as {
      full_name: string
      default_version: string
      versions: { version: string; archives: { file: string; uri: string }[] }[]
    }
    t.is(body.full_name, 'github.com/dim/prefix')
    t.is(body.default_version, '1.2.10')
    t.deepEqual(
      body.versions.map(({ version }) => version),
      ['1.2.10', '1.2.9'],
    )
    t.is(body.versions[0]?.archives[0]?.uri, paths.get(prefixOfDim))
  })
}

test('takes a short name that has one provider', async (t) => {
  const answer = await server.ask(t, '/list/only/versions')
  t.is((answer.json() as { full_name: string }).full_name, 'x.example/y/only')
})

test('refuses a short name that has several, and names them', async (t) => {
  for (const path of ['/list/prefix/versions', '/list/prefix/updates', '/get/prefix/1.0']) {
    const body = problem(t, await server.ask(t, path), 409, 'PI001')
    t.is(body.title, 'extension short name "prefix" matches several providers')
    t.deepEqual(body.candidates, ['github.com/dim/prefix', 'github.com/fdr/prefix'])
    t.true(body.detail?.includes('"github.com/dim/prefix" and "github.com/fdr/prefix"'))
    t.is(body.hint, 'Please use the full name of the extension you want to install.')
  }
})

test('lists update paths of all releases, each with the releases that have it', async (t) => {
  const answer = await server.ask(t, '/list/github.com/dim/prefix/updates')
  t.deepEqual((answer.json() as { updates: unknown }).updates, [
    { from: '1.0', to: '1.2.9', versions: ['1.2.10', '1.2.9'] },
    { from: '1.2.9', to: '1.2.10', versions: ['1.2.10'] },
  ])
})

test('leads to the content address of the only archive that fits', async (t) => {
  const answer = await server.ask(t, '/get/only/1.0')
  t.deepEqual([answer.status, answer.headers.location], [302, paths.get(only)])
  const any = await server.ask(t, `/get/x.example/y/only/1.0?pg=17&platform=${platform}`)
  t.is(any.headers.location, paths.get(only), 'an SQL-only archive fits everything')
})

test('leads to the newest build for a major and platform', async (t) => {
  const answer = await server.ask(t, `/get/mod/1.0?pg=15&platform=${platform}`)
  t.is(answer.headers.location, paths.get(modules[1] as TestArchive))
  t.is((await server.ask(t, '/get/mod/1.0?pg=15')).headers.location, paths.get(modules[1] as TestArchive))
})

test('asks for major and platform where several archives fit', async (t) => {
  const body = problem(t, await server.ask(t, '/get/mod/1.0?pg=16'), 404, 'PI002')
  t.is(body.detail, `They are for: PostgreSQL 16 on ${platform}; PostgreSQL 16 on debian13-${architecture}.`)
  problem(t, await server.ask(t, '/get/mod/1.0'), 404, 'PI002')
})

test('says which archives exist where none fits', async (t) => {
  const body = problem(t, await server.ask(t, `/get/mod/1.0?pg=13&platform=${platform}`), 404, 'PI002')
  t.is(body.title, `extension "x.example/y/mod" version "1.0" has no archive for PostgreSQL 13 on ${platform}`)
  t.true(body.detail?.includes(`PostgreSQL 15 on ${platform}; PostgreSQL 16 on ${platform}`))
})

test('says which versions exist where one does not', async (t) => {
  const body = problem(t, await server.ask(t, '/get/github.com/dim/prefix/9.9'), 404, '42704')
  t.is(body.detail, 'Its versions are: 1.2.10, 1.2.9.')
})

const refusals: [path: string, status: number, sqlstate: string][] = [
  ['/', 404, '58P01'],
  ['/list', 404, '58P01'],
  ['/list/nothing/versions', 404, '42704'],
  ['/list/x.example/nobody/only/versions', 404, '42704'],
  ['/list/x.example/y/ONLY/versions', 404, '42704'],
  ['/list/GitHub.com/dim/prefix/versions', 400, '42602'],
  ['/list/x.example/../only/versions', 400, '42602'],
  ['/list/x.example/%2e%2e/only/versions', 400, '42602'],
  ['/list/x.example//only/versions', 400, '42602'],
  // Decoded once, it has no slash: a short name that nobody has.
  ['/list/x.example%252Fy%252Fonly/versions', 404, '42704'],
  ['/list/x.example/y/on%00ly/versions', 400, '42602'],
  ['/list/x.example/y/only%0d%0aX:1/versions', 400, '42602'],
  ['/list/on%zzly/versions', 400, '42601'],
  ['/list/%ff/versions', 400, '42601'],
  [`/list/x.example/${'a'.repeat(150)}/versions`, 400, '42622'],
  [`/list/${'a'.repeat(5000)}/versions`, 414, '42601'],
  ['/list/only/versions/', 200, ''],
  ['/get/only/-1', 400, '42602'],
  ['/get/only/1--0', 400, '42602'],
  ['/get/only/..', 400, '42602'],
  ['/get/only/1.0?pg=fifteen', 400, '22023'],
  ['/get/only/1.0?pg=15&pg=16', 400, '22023'],
  ['/get/only/1.0?platform=Debian', 400, '22023'],
  ['/get/only/1.0?platfrom=debian12-x86_64', 400, '22023'],
  ['/index/other.json', 400, '22023'],
  [`/index/${'0'.repeat(64)}.json`, 404, '58P01'],
  [`/archives/${'0'.repeat(64)}/${only.file}`, 404, '58P01'],
  [`/archives/${'0'.repeat(63)}/${only.file}`, 400, '22023'],
  [`/archives/${'0'.repeat(64)}/../../admin-token`, 404, '58P01'],
]

for (const [path, status, sqlstate] of refusals) {
  test(`answers ${status} ${sqlstate} to ${path.slice(0, 80)}`, async (t) => {
    const answer = await server.ask(t, path)
    if (status === 200) t.is(answer.status, 200)
    else problem(t, answer, status, sqlstate)
  })
}

for (const path of ['/list/extensions/', '/list/only/versions', '/index/current.json', '/openapi.json', '/status']) {
  test(`${path} has an entity tag, and is conditional`, async (t) => {
    const { status, headers } = await server.ask(t, path)
    const etag = String(headers.etag)
    t.is(status, 200)
    t.regex(etag, /^"[0-9a-f]{64}"$/)
    const again = await server.ask(t, path, { headers: { 'if-none-match': `"other", W/${etag}` } })
    t.deepEqual([again.status, again.headers.etag, again.body.length], [304, etag, 0])
    t.is((await server.ask(t, path, { headers: { 'if-none-match': '"other"' } })).status, 200)
    const head = await server.ask(t, path, { method: 'HEAD' })
    t.deepEqual([head.status, head.headers.etag, head.body.length], [200, etag, 0])
  })
}

test('the index is signed with the server key and has every archive', async (t) => {
  const current = await server.ask(t, '/index/current.json')
  t.is(current.headers['cache-control'], 'max-age=0, must-revalidate')
  const top = parseTopIndex(openIndex(current.body.toString(), [server.publicKey]))
  t.deepEqual(Object.keys(top.names), ['mod', 'only', 'prefix'])
  t.true(Date.parse(top.expires) > Date.now())
  const file = await server.ask(t, `/index/${top.names.prefix}.json`)
  t.regex(String(file.headers['cache-control']), /immutable/)
  const index = parseNameIndex(file.body.toString())
  t.deepEqual(
    index.extensions.map(({ full_name }) => full_name),
    ['github.com/dim/prefix', 'github.com/fdr/prefix'],
  )
  t.deepEqual(
    index.extensions[0]?.releases.map(({ version }) => version),
    ['1.2.10', '1.2.9'],
  )
  const [archive] = index.extensions[0]?.releases[0]?.archives ?? []
  t.deepEqual([archive?.file, archive?.size], [prefixOfDim.file, prefixOfDim.bytes.length])
})

test('an archive comes whole, byte for byte', async (t) => {
  const answer = await server.ask(t, paths.get(only) as string)
  t.is(answer.status, 200)
  t.deepEqual(answer.body, only.bytes)
  t.is(answer.headers['accept-ranges'], 'bytes')
  t.regex(String(answer.headers['cache-control']), /immutable/)
  const head = await server.ask(t, paths.get(only) as string, { method: 'HEAD' })
  t.deepEqual([head.status, head.headers['content-length']], [200, String(only.bytes.length)])
})

test('an archive comes in ranges', async (t) => {
  const path = paths.get(only) as string
  const { length } = only.bytes
  const ranges: [string, number, number][] = [
    ['bytes=0-9', 0, 9],
    ['bytes=10-', 10, length - 1],
    ['bytes=-5', length - 5, length - 1],
    ['bytes=5-999999', 5, length - 1],
  ]
  for (const [range, first, last] of ranges) {
    const answer = await server.ask(t, path, { headers: { range } })
    t.deepEqual([answer.status, answer.headers['content-range']], [206, `bytes ${first}-${last}/${length}`])
    t.deepEqual(answer.body, only.bytes.subarray(first, last + 1))
  }
  const etag = String((await server.ask(t, path)).headers.etag)
  t.is((await server.ask(t, path, { headers: { range: 'bytes=0-9', 'if-range': etag } })).status, 206)
  t.is((await server.ask(t, path, { headers: { range: 'bytes=0-9', 'if-range': '"other"' } })).status, 200)
  t.is((await server.ask(t, path, { headers: { range: 'bytes=0-1,5-6' } })).status, 200)
  t.is((await server.ask(t, path, { headers: { 'if-none-match': etag } })).status, 304)
  const beyond = await server.ask(t, path, { headers: { range: `bytes=${length}-` } })
  problem(t, beyond, 416, '22023')
  t.is(beyond.headers['content-range'], `bytes */${length}`)
})

test('nothing is changed by what is not described', async (t) => {
  for (const method of ['POST', 'DELETE', 'PATCH', 'PUT']) {
    const headers = { authorization: server.authorization }
    problem(t, await server.ask(t, '/list/extensions/', { method, headers }), 404, '58P01')
  }
})

test('describes itself', async (t) => {
  const document = (await server.ask(t, '/openapi.json')).json() as { paths: Record<string, unknown> }
  t.true(Object.hasOwn(document.paths, '/get/{extension}/{version}'))
})
