import test from 'ava'
import { PginstallError } from '../../src/model/errors.ts'
import { newestFirst, parseNameIndex, parseTopIndex } from '../../src/model/index.ts'

const sha256 = 'b'.repeat(64)
const top = {
  index: 1,
  version: 7,
  published: '2026-01-01T00:00:00Z',
  expires: '2026-01-08T00:00:00Z',
  names: { x: sha256 },
}
const archive = {
  file: 'a.b+x--1.0--any--1.tar.gz',
  build: 1,
  size: 100,
  sha256,
  postgresql: null,
  os: null,
  needs: null,
  requires: [{ name: 'hstore', provider: 'builtin' }],
}
const name = {
  index: 1,
  name: 'x',
  extensions: [
    { full_name: 'a.b/x', description: 'd', releases: [{ version: '1.0', yanked: false, archives: [archive] }] },
  ],
}
const malformed = { instanceOf: PginstallError, message: /malformed index/ }

test('reads the top index', (t) => {
  t.deepEqual(parseTopIndex(JSON.stringify(top)), top as ReturnType<typeof parseTopIndex>)
  for (const change of [
    { index: 2 },
    { version: 0 },
    { version: 1.5 },
    { names: { x: '../x' } },
    { version: 1e300 },
    { expires: undefined },
    { expires: 'Fri Jan 01 2100 (x)' },
    { published: '2026-13-01T00:00:00Z' },
  ]) {
    t.throws(() => parseTopIndex(JSON.stringify({ ...top, ...change })), malformed)
  }
})

test('reads the index of a name', (t) => {
  t.deepEqual(parseNameIndex(JSON.stringify(name)), name as ReturnType<typeof parseNameIndex>)
  const bad = (change: object) => ({
    ...name,
    extensions: [
      { ...name.extensions[0], releases: [{ version: '1.0', yanked: false, archives: [{ ...archive, ...change }] }] },
    ],
  })
  for (const change of [
    { sha256: 'x' },
    { size: 0 },
    { size: 1024 ** 3 + 1 },
    { build: 0 },
    { needs: {} },
    { requires: [{}] },
  ]) {
    t.throws(() => parseNameIndex(JSON.stringify(bad(change))), malformed)
  }
  t.throws(() => parseNameIndex(JSON.stringify({ ...name, extensions: [] })), malformed)
  const described = (description: string) =>
    JSON.stringify({ ...name, extensions: [{ ...name.extensions[0], description }] })
  for (const description of ['a\u0000', '\ud800', 'x\udc00y', '\u001b[2J', '\u0085']) {
    t.throws(() => parseNameIndex(described(description)), malformed)
  }
  t.is(parseNameIndex(described('größer 😀')).extensions[0]?.description, 'größer 😀')
  t.throws(() => parseNameIndex('{'), { message: /not JSON/ })
})

test('newest release first', (t) => {
  const releases = ['1.2', '1.10', '1.10~rc1'].map((version) => ({ version, yanked: false, archives: [] }))
  t.deepEqual(
    newestFirst(releases).map(({ version }) => version),
    ['1.10', '1.10~rc1', '1.2'],
  )
})
