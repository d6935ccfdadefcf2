import test from 'ava'
import { parseControlFile } from '../../src/model/control-file.ts'
import { PginstallError } from '../../src/model/errors.ts'
import { checkControlAgainstManifest, type Manifest, parseManifest, writeManifest } from '../../src/model/manifest.ts'

const sha256 = 'a'.repeat(64)
const manifest: Manifest = {
  manifest: 1,
  full_name: 'a.b/x',
  name: 'x',
  version: '1.0',
  description: 'd',
  source_revision: 'git:0123',
  postgresql: {
    version_num: 150020,
    abi_extra: 'PostgreSQL',
    block_size: 8192,
    wal_block_size: 8192,
    assertions: false,
  },
  os: 'debian12',
  needs: {
    architecture: 'x86_64',
    cpu_level: 1,
    libc: 'glibc',
    libraries: [{ soname: 'libc.so.6', versions: ['GLIBC_2.14'] }],
  },
  requires: [
    { name: 'hstore', provider: 'builtin' },
    { name: 'y', provider: 'c.d/y' },
  ],
  updates: [['0.9', '1.0']],
  modules: ['x'],
  preload: false,
  files: [
    { path: 'x.control', kind: 'control', size: 1, sha256 },
    { path: 'x/x.so', kind: 'module', size: 1, sha256 },
    { path: 'x/x--1.0.sql', kind: 'script', size: 1, sha256 },
    { path: 'x/x--0.9.control', kind: 'auxiliary_control', size: 1, sha256 },
    { path: 'x/doc/README', kind: 'doc', size: 1, sha256 },
    { path: 'x/some data.txt', kind: 'data', size: 1, sha256 },
  ],
}

test('what is written is read', (t) => {
  const read = parseManifest(writeManifest(manifest))
  const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : 1)
  t.deepEqual({ ...read, files: read.files.toSorted(byPath) }, { ...manifest, files: manifest.files.toSorted(byPath) })
})

test('the order of lists and members does not change the bytes', (t) => {
  const shuffled = Object.fromEntries(Object.entries(manifest).reverse()) as Manifest
  t.is(writeManifest({ ...shuffled, files: manifest.files.toReversed() }), writeManifest(manifest))
})

const refuses = test.macro((t, change: Partial<Record<keyof Manifest, unknown>>, message: RegExp) => {
  const error = t.throws(() => parseManifest(JSON.stringify({ ...manifest, ...change })), {
    instanceOf: PginstallError,
  })
  t.regex(`${error?.message} ${error?.detail ?? ''}`, message)
})
const withFile = (file: Partial<Manifest['files'][number]>) => ({
  files: [...manifest.files, { path: 'x/y', kind: 'data' as const, size: 1, sha256, ...file }],
})

test('another schema', refuses, { manifest: 2 }, /malformed manifest/)
test('a member missing', refuses, { updates: undefined }, /updates/)
test('a member too many', refuses, { x: 1 } as object, /"x"/)
test('modules without what they need', refuses, { needs: null }, /"needs" is null/)
test(
  'needs without modules',
  refuses,
  { modules: [], files: manifest.files.filter(({ kind }) => kind !== 'module') },
  /is not null/,
)
test('a module that is not in the list', refuses, { modules: [] }, /has no module|list of modules/)
test('a short name that is not the full name’s', refuses, { name: 'y' }, /short name/)
test('a version that is none', refuses, { version: '1--2' }, /invalid extension version/)
test('an update to what is no version', refuses, { updates: [['1', '..']] }, /invalid extension version/)
test(
  'a required full name',
  refuses,
  { requires: [{ name: 'c.d/y', provider: 'c.d/y' }] },
  /full name where a short one/,
)
test('no control file', refuses, { files: manifest.files.slice(1) }, /no control file/)
test('a path twice', refuses, withFile({ path: 'x/x.so', kind: 'module' }), /twice/)
test('a module below a directory', refuses, withFile({ path: 'x/lib/y.so', kind: 'module' }), /where a file of kind/)
test('a module that is called data', refuses, withFile({ path: 'x/y.so' }), /where a file of kind/)
test('a control file that is called data', refuses, withFile({ path: 'x/y.control' }), /where a file of kind/)
test(
  'an auxiliary control file of another extension',
  refuses,
  withFile({ path: 'x/y--1.control', kind: 'auxiliary_control' }),
  /where a file of kind/,
)
test('a size that is none', refuses, withFile({ size: -1 }), /malformed manifest/)
test('a digest that is none', refuses, withFile({ sha256: 'A'.repeat(64) }), /malformed manifest/)

test('the control file has to say the same', (t) => {
  const control = (text: string) => parseControlFile(text, { file: 'x.control', auxiliary: false })
  t.notThrows(() => checkControlAgainstManifest(control("default_version = '1.0'\nrequires = 'hstore, y'"), manifest))
  t.throws(() => checkControlAgainstManifest(control("default_version = '1.1'\nrequires = 'hstore, y'"), manifest), {
    message: /default_version/,
  })
  t.throws(() => checkControlAgainstManifest(control("requires = 'hstore, y'"), manifest), {
    message: /default_version/,
  })
  t.throws(() => checkControlAgainstManifest(control("default_version = '1.0'\nrequires = 'hstore'"), manifest), {
    message: /requires/,
  })
})
