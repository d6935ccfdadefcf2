// Archives that an attacker would upload, or put in a mirror. Each must be refused, each for its own reason.
import { truncateSync } from 'node:fs'
import { constants, deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib'
import test from 'ava'
import { readArchive } from '../../src/adapters/archive-reader.ts'
import { PginstallError } from '../../src/model/errors.ts'
import { type Manifest, writeManifest } from '../../src/model/manifest.ts'
import {
  controlText,
  type Entry,
  endOfArchive,
  manifestOf,
  moduleArchive,
  scriptText,
  soundEntries,
  soundFiles,
  tarEntry,
  tarOf,
  writeArchive,
} from '../adapters/helpers/archives.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const directory = makeTemporaryDirectory('hostile')
test.after.always(() => directory.remove())

const [manifestEntry, controlEntry, scriptEntry] = soundEntries as [Entry, Entry, Entry]

const refused = test.macro(async (t, bytes: Buffer, sqlstate: string, message: RegExp) => {
  const path = writeArchive(directory, bytes)
  const error = await t.throwsAsync(readArchive(path, { signal: AbortSignal.timeout(60_000) }), {
    instanceOf: PginstallError,
  })
  t.is(error?.sqlstate, sqlstate, error?.message)
  t.regex(error?.message ?? '', message)
})

function entries(title: string, list: Entry[], message: RegExp, sqlstate = 'PI003'): void {
  test.serial(title, refused, gzipSync(tarOf(list)), sqlstate, message)
}

/** An archive with a manifest that the writer of manifests would refuse, and files to go with it. */
function lying(title: string, change: (manifest: Manifest) => unknown, message: RegExp, sqlstate = 'PI003'): void {
  const manifest = JSON.stringify(change(manifestOf(soundFiles)))
  entries(title, [{ path: 'manifest.json', content: manifest }, controlEntry, scriptEntry], message, sqlstate)
}

const notInManifest = /is not in its manifest, or comes twice/

// Entries beside the manifest's
for (const path of [
  '../../etc/passwd',
  '/etc/passwd',
  'thing/../../x',
  './thing.control',
  'thing//thing--1.0.sql',
  'thing/x.sql',
]) {
  entries(`an entry "${path}"`, [...soundEntries, { path, content: 'x' }], notInManifest)
}
entries('a file twice', [...soundEntries, scriptEntry], notInManifest)
entries('the manifest twice', [...soundEntries, manifestEntry], notInManifest)
entries(
  'a name with a NUL, which ends it',
  [...soundEntries, { path: 'thing.control\0.sql', content: 'x' }],
  notInManifest,
)
entries('a name that differs in case', [...soundEntries, { path: 'THING.control', content: 'x' }], notInManifest)
entries(
  'a path completed by the prefix field',
  [...soundEntries, { path: 'passwd', prefix: '/etc', content: 'x' }],
  notInManifest,
)
entries('a file missing', [manifestEntry, controlEntry], /lacks the file "thing\/thing--1\.0\.sql"/)
entries('no manifest', [controlEntry, scriptEntry], /first entry is not manifest\.json/)
entries('the manifest last', [controlEntry, scriptEntry, manifestEntry], /first entry is not manifest\.json/)

// Entries that are no regular files
for (const [type, name] of [
  ['1', 'hard link'],
  ['2', 'symbolic link'],
  ['3', 'character device'],
  ['4', 'block device'],
  ['6', 'FIFO'],
] as const) {
  const link = type < '3' ? '/etc/passwd' : ''
  entries(
    `a ${name} in place of a file`,
    [manifestEntry, controlEntry, { path: scriptEntry.path, type, link, content: '' }],
    /is no regular file/,
  )
}
entries(
  'a directory',
  [manifestEntry, { path: 'thing/', type: '5', content: '' }, controlEntry, scriptEntry],
  /is no regular file/,
)
entries(
  'a directory that is called a file',
  [manifestEntry, { path: 'thing/', content: '' }, controlEntry, scriptEntry],
  /is no regular file/,
)
entries(
  'a file with a link target',
  [manifestEntry, controlEntry, { ...scriptEntry, link: '/etc/passwd' }],
  /is no regular file/,
)
for (const [type, name] of [
  ['S', 'sparse file'],
  ['M', 'continued volume'],
  ['V', 'volume label'],
  ['D', 'GNU directory'],
  ['Z', 'unknown type'],
] as const) {
  entries(`a ${name}`, [manifestEntry, controlEntry, { ...scriptEntry, type }], /is no regular file/)
}

// Headers that change the next entry
const pax = (text: string) => `${text.length + 4} ${text}\n`
entries(
  'a pax header that renames the next entry',
  [manifestEntry, controlEntry, { path: 'x', type: 'x', content: pax('path=../../etc/cron.d/x') }, scriptEntry],
  /ExtendedHeader/,
)
entries(
  'a pax header that resizes the next entry',
  [manifestEntry, controlEntry, { path: 'x', type: 'x', content: pax('size=4096') }, scriptEntry],
  /ExtendedHeader/,
)
entries(
  'a global pax header',
  [manifestEntry, { path: 'x', type: 'g', content: pax('path=thing.control') }, controlEntry, scriptEntry],
  /GlobalExtendedHeader/,
)
entries(
  'a GNU long name',
  [manifestEntry, { path: '././@LongLink', type: 'L', content: 'thing.control\0' }, controlEntry, scriptEntry],
  /NextFileHasLongPath/,
)

// Content
entries(
  'other content of the same size',
  [manifestEntry, controlEntry, { ...scriptEntry, content: scriptText.replace('1', '2') }],
  /has not the SHA-256/,
)
entries(
  'another size',
  [manifestEntry, controlEntry, { ...scriptEntry, content: scriptText + '\n' }],
  /has not the size/,
)
entries(
  'a manifest that is no JSON',
  [{ path: 'manifest.json', content: '{' }, controlEntry, scriptEntry],
  /malformed manifest/,
  '42601',
)
entries(
  'a manifest that is not UTF-8',
  [{ path: 'manifest.json', content: Buffer.from([0x22, 0xff, 0x22]) }, controlEntry, scriptEntry],
  /is not UTF-8/,
)

// The file's frame
const sound = gzipSync(tarOf(soundEntries))
const damaged = Buffer.from(sound)
damaged.writeUInt32LE(0, damaged.length - 8)
const named = Buffer.from(sound)
named[3] = 8
test.serial(
  'a second gzip member',
  refused,
  Buffer.concat([sound, gzipSync(tarOf(soundEntries))]),
  'PI003',
  /bytes after its gzip member/,
)
test.serial(
  'garbage after the gzip member',
  refused,
  Buffer.concat([sound, Buffer.from('garbage, 8 bytes and more')]),
  'PI003',
  /bytes after its gzip member/,
)
test.serial('a gzip header with more in it', refused, named, 'PI003', /plain header/)
test.serial('a wrong checksum', refused, damaged, 'PI003', /checksum does not hold/)
test.serial(
  'a file cut short',
  refused,
  sound.subarray(0, sound.length - 40),
  'PI003',
  /compressed data is damaged|cut short/,
)
test.serial('gzip in gzip', refused, gzipSync(sound), 'PI003', /tar header|cut short/)
test.serial('zstd', refused, zstdCompressSync(tarOf(soundEntries)), 'PI003', /no gzip file/)
const tar = (...parts: Buffer[]) => gzipSync(Buffer.concat(parts))
const body = Buffer.concat(soundEntries.map(tarEntry))
test.serial('no end marker', refused, tar(body), 'PI003', /cut short/)
test.serial(
  'half an end marker',
  refused,
  tar(body, Buffer.alloc(512), tarEntry(scriptEntry)),
  'PI003',
  /end marker is not whole/,
)
test.serial(
  'entries after the end marker',
  refused,
  tar(body, endOfArchive, tarEntry(scriptEntry)),
  'PI003',
  /after its end marker/,
)
const padded = tarEntry(scriptEntry)
padded.write('hidden', 512 + scriptText.length)
test.serial(
  'bytes in the padding',
  refused,
  tar(tarEntry(manifestEntry), tarEntry(controlEntry), padded, endOfArchive),
  'PI003',
  /between its entries/,
)
test.serial(
  'an entry longer than the archive',
  refused,
  tar(tarEntry(manifestEntry), tarEntry({ ...controlEntry, size: 8 ** 10 })),
  'PI003',
  /has not the size/,
)
test.serial(
  'a header with a wrong checksum',
  refused,
  tar(Buffer.from(body).fill('9', 148, 152), endOfArchive),
  'PI003',
  /wrong checksum/,
)

// Bombs
const swollen = [...soundFiles, { path: 'thing/zeros', kind: 'data' as const, content: Buffer.alloc(64 * 1024 ** 2) }]
entries(
  'a file of zeros that unpacks to a thousand times its size',
  [{ path: 'manifest.json', content: writeManifest(manifestOf(swollen)) }, ...swollen],
  /times its size/,
  '54000',
)
/** What would take minutes to write: one piece, `times` in a row, in a single gzip member without a sound end. */
function repeated(before: Buffer, piece: Buffer, times: number): Buffer {
  const flushed = (bytes: Buffer) => deflateRawSync(bytes, { finishFlush: constants.Z_FULL_FLUSH })
  const parts = [Buffer.from('1f8b0800000000000003', 'hex'), flushed(before)]
  return Buffer.concat([
    ...parts,
    ...Array<Buffer>(times).fill(flushed(piece)),
    Buffer.from('0300' + '0'.repeat(16), 'hex'),
  ])
}
const mebibyte = Buffer.alloc(1024 ** 2)
const tenGigabytes = 10_000
test.serial(
  '10 GB of zeros behind the end',
  refused,
  repeated(Buffer.concat([body, endOfArchive]), mebibyte, tenGigabytes),
  '54000',
  /bytes after its end marker/,
)
test.serial(
  '10 GB of zeros in a file',
  refused,
  repeated(tarEntry({ path: 'manifest.json', content: '', size: 8 ** 11 - 1 }), mebibyte, tenGigabytes),
  '54000',
  /manifest\.json has more than/,
)
test.serial('a file of more than a gigabyte', async (t) => {
  const path = writeArchive(directory, sound)
  truncateSync(path, 1024 ** 3 + 1)
  const error = await t.throwsAsync(readArchive(path, { signal: AbortSignal.timeout(60_000) }))
  t.regex(error?.message ?? '', /it has more than 1073741824 bytes/)
})
const thousand = Buffer.concat(Array.from({ length: 1000 }, () => tarEntry({ path: 'thing/x', content: '' })))
test.serial('10,000,000 entries', refused, repeated(body, thousand, 10_000), 'PI003', notInManifest)
lying(
  'a manifest of 100,000 files',
  (manifest) => ({
    ...manifest,
    files: manifest.files.concat(
      Array.from({ length: 100_000 }, (_, n) => ({
        path: `thing/${n}`,
        kind: 'data' as const,
        size: 0,
        sha256: '0'.repeat(64),
      })),
    ),
  }),
  /malformed manifest/,
  '42601',
)
entries(
  'a pax header of 64 MiB',
  [
    manifestEntry,
    { path: 'x', type: 'x', content: pax('comment=').padEnd(64 * 1024 ** 2, 'x') },
    ...soundEntries.slice(1),
  ],
  /ExtendedHeader/,
)
const nested = Array.from({ length: 20 }).reduce<Buffer>((inner) => gzipSync(inner), sound)
test.serial('gzip in gzip, twenty times', refused, nested, 'PI003', /tar header|cut short/)
test.serial('reading none of them took much memory', (t) => {
  t.true(process.resourceUsage().maxRSS < 4 * 1024 ** 2)
})
entries(
  'a manifest of 17 MiB',
  [{ path: 'manifest.json', content: Buffer.alloc(17 * 1024 ** 2, ' ') }],
  /manifest\.json has more than/,
  '54000',
)
lying(
  'files that would be 5 GiB',
  (manifest) => ({
    ...manifest,
    files: manifest.files.concat(
      [1, 2, 3, 4, 5].map((n) => ({
        path: `thing/${n}`,
        kind: 'data' as const,
        size: 1024 ** 3,
        sha256: '0'.repeat(64),
      })),
    ),
  }),
  /files have more than/,
  '54000',
)

// Manifests
const renamed = (path: string) => (manifest: Manifest) => ({
  ...manifest,
  files: [...manifest.files, { path, kind: 'data', size: 0, sha256: '0'.repeat(64) }],
})
for (const path of [
  '../x',
  '/x',
  'thing/../x',
  'thing/./x',
  'thing//x',
  'thing/a\u0000b',
  'thing/\u202ex',
  'other/x',
  'x',
  'thing.control/x',
  'thing/evil.so',
  'thing/evil.control',
  'thing/ x',
]) {
  lying(`a manifest that names ${JSON.stringify(path)}`, renamed(path), /manifest does not hold/)
}
lying(
  'a manifest with names that differ in case only',
  (manifest) => ({ ...manifest, files: [...manifest.files, { ...manifest.files[1], path: 'thing/THING--1.0.sql' }] }),
  /differs only in case/,
)
lying('a manifest for another extension', (manifest) => ({ ...manifest, full_name: 'x.example/y/other' }), /short name/)
lying(
  'a manifest with another version than the control file',
  (manifest) => ({ ...manifest, version: '2.0' }),
  /default_version/,
)
lying(
  'a manifest with a hidden requirement',
  (manifest) => ({ ...manifest, requires: [{ name: 'evil', provider: 'x.example/evil' }] }),
  /requires/,
)
lying(
  'a manifest with a provider of another name',
  (manifest) => ({ ...manifest, requires: [{ name: 'evil', provider: 'x.example/good' }] }),
  /is not one of/,
)
lying('a manifest with an unknown member', (manifest) => ({ ...manifest, run: 'id' }), /malformed manifest/, '42601')
lying(
  'a version that is a path',
  (manifest) => ({ ...manifest, version: '../../1' }),
  /invalid extension version/,
  '42602',
)

// Control files
function control(title: string, text: string, message: RegExp, sqlstate = 'F0000'): void {
  const files = [{ path: 'thing.control', kind: 'control' as const, content: text }]
  entries(title, [{ path: 'manifest.json', content: writeManifest(manifestOf(files)) }, ...files], message, sqlstate)
}
control('a control file that PostgreSQL cannot parse', `${controlText}nonsense`, /syntax error/)
control('a control file that includes another file', `${controlText}include '/etc/passwd'\n`, /directive "include"/)
control('a control file that hides its tail behind a NUL', "default_version = '1.0\\0002'\n", /NUL/)
control(
  'a control file that is not small',
  `${controlText}#${'x'.repeat(70_000)}\n`,
  /control file .* has more than/,
  '54000',
)
const auxiliary = (text: string) => {
  const files = [...soundFiles, { path: 'thing/thing--1.0.control', kind: 'auxiliary_control' as const, content: text }]
  return [{ path: 'manifest.json', content: writeManifest(manifestOf(files)) }, ...files]
}
entries(
  'an auxiliary control file that moves the scripts',
  auxiliary("directory = '/tmp'\n"),
  /cannot be set in a secondary/,
  'F0000',
)

// Modules
entries(
  'a module that is no ELF file',
  moduleArchive('x86_64', Buffer.from('#!/bin/sh\necho this is long enough to be a header\n')),
  /is no shared object/,
)
const longer = moduleArchive('x86_64').map((entry) =>
  entry.path.endsWith('.so')
    ? { ...entry, content: Buffer.concat([Buffer.from(entry.content), Buffer.from('x')]) }
    : entry,
)
test.serial(
  'a module that claims another architecture',
  refused,
  gzipSync(tarOf(moduleArchive('mips'))),
  'PI003',
  /its manifest says mips/,
)
entries('a module longer than its manifest says', longer, /has not the size/)
