// Manifests and indexes: sound ones, changed at random places. Whatever is let through leads nowhere else.
import assert from 'node:assert/strict'
import { posix } from 'node:path'
import fc from 'fast-check'
import { parseIdentity } from '../../../src/model/archive-identity.ts'
import { archivePath, type NameIndex, parseNameIndex, parseTopIndex } from '../../../src/model/index.ts'
import { type Manifest, parseManifest, writeManifest } from '../../../src/model/manifest.ts'
import { property, taken } from '../target.ts'
import { text, word } from './text.ts'

const sha256 = 'a'.repeat(64)
const postgresql = {
  version_num: 150020,
  abi_extra: 'PostgreSQL',
  block_size: 8192,
  wal_block_size: 8192,
  assertions: false,
}
const needs = {
  architecture: 'x86_64',
  cpu_level: 1,
  libc: 'glibc',
  libraries: [{ soname: 'libc.so.6', versions: ['GLIBC_2.14'] }],
}
const requires = [
  { name: 'hstore', provider: 'builtin' },
  { name: 'y', provider: 'c.d/y' },
]
const manifest = {
  ...{ manifest: 1, full_name: 'a.b/x', name: 'x', version: '1.0', description: 'd', source_revision: 'git:0' },
  ...{ postgresql, os: 'debian12', needs, requires, updates: [['0.9', '1.0']], modules: ['x'], preload: false },
  files: [
    { path: 'x.control', kind: 'control', size: 1, sha256 },
    { path: 'x/x.so', kind: 'module', size: 1, sha256 },
    { path: 'x/x--1.0.sql', kind: 'script', size: 1, sha256 },
    { path: 'x/x--0.9.control', kind: 'auxiliary_control', size: 1, sha256 },
    { path: 'x/doc/README', kind: 'doc', size: 1, sha256 },
  ],
}
const archive = {
  file: 'a.b+x--1.0--pg15--debian12-x86_64--1.tar.gz',
  build: 1,
  size: 1,
  sha256,
  postgresql,
  os: 'debian12',
  needs,
  requires,
}
const nameIndex = {
  index: 1,
  name: 'x',
  extensions: [
    { full_name: 'a.b/x', description: 'd', releases: [{ version: '1.0', yanked: false, archives: [archive] }] },
  ],
}
const topIndex = {
  index: 1,
  version: 7,
  published: '2026-01-01T00:00:00Z',
  expires: '2026-01-08T00:00:00Z',
  names: { x: sha256 },
}

/** Changes: at the n-th place of the document, another value, or a piece of text inside the one that is there. */
const changes = fc.array(
  fc.record({ at: fc.nat(80), value: fc.oneof(fc.jsonValue(), word, text), inside: fc.boolean() }),
  { minLength: 1, maxLength: 3 },
)
type Changes = typeof changes extends fc.Arbitrary<infer T> ? T : never

function change(document: unknown, list: Changes): string {
  let changed = JSON.stringify(document)
  for (const { at, value, inside } of list) {
    let place = 0
    const count = changed.match(/"[^"]*"|[0-9]+|null|true|false/g)?.length ?? 1
    changed = changed.replace(/"[^"]*"|[0-9]+|null|true|false/g, (old) => {
      if (place++ !== at % count) return old
      return inside && old.startsWith('"')
        ? `${old.slice(0, -1)}${JSON.stringify(typeof value === 'string' ? value : JSON.stringify(value)).slice(1)}`
        : JSON.stringify(value)
    })
  }
  return changed
}

function staysBelow(path: string, folder: string): void {
  assert.equal(posix.normalize(path), path)
  assert.ok(path.startsWith(folder) && !path.includes('\\') && !path.includes('\0'), `"${path}" leads out`)
}

export const manifests = property('manifest', changes, (list) => {
  const parsed = taken(() => parseManifest(change(manifest, list)))
  if (parsed === undefined) return
  for (const { path, kind } of parsed.files)
    staysBelow(path, kind === 'control' ? `${parsed.name}.control` : `${parsed.name}/`)
  const written = writeManifest(parsed)
  assert.equal(writeManifest(parseManifest(written)), written)
  assert.deepEqual(sorted(parseManifest(written)), sorted(parsed))
})

function sorted(manifest: Manifest): unknown {
  const { files, modules, updates, needs, ...rest } = manifest
  const order = (list: unknown[]) => list.map((item) => JSON.stringify(item)).sort()
  const libraries = needs?.libraries.map((library) => ({ ...library, versions: library.versions.toSorted() }))
  const fields = files.map(({ path, kind, size, sha256 }) => [path, kind, size, sha256])
  return {
    ...rest,
    files: order(fields),
    modules: modules.toSorted(),
    updates: order(updates),
    libraries: libraries?.map(({ soname }) => soname).sort(),
  }
}

export const indexes = property('index', fc.record({ changes, loose: text, os: text }), ({ changes, loose, os }) => {
  taken(() => parseTopIndex(loose))
  taken(() => parseNameIndex(loose))
  const top = taken(() => parseTopIndex(change(topIndex, changes)))
  for (const digest of Object.values(top?.names ?? {})) assert.match(digest, /^[0-9a-f]{64}$/)
  checkIndex(taken(() => parseNameIndex(change(nameIndex, changes))))
  // A file name that says the same as the rest of the entry.
  const consistent = JSON.stringify(nameIndex).replaceAll('debian12', () => JSON.stringify(os).slice(1, -1))
  checkIndex(taken(() => parseNameIndex(consistent)))
})

function checkIndex(index: NameIndex | undefined): void {
  for (const { full_name, releases } of index?.extensions ?? []) {
    for (const { version, archives } of releases) {
      for (const { sha256, file } of archives) {
        staysBelow(archivePath(sha256, file), `archives/${sha256}/`)
        assert.equal(archivePath(sha256, file).split('/').length, 3)
        const { fullName, version: named } = parseIdentity(file)
        assert.deepEqual([fullName, named], [full_name, version])
      }
    }
  }
}
