import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { machine } from 'node:os'
import { dirname, join } from 'node:path'
import test from 'ava'
import { readArchive } from '../../src/adapters/archive-reader.ts'
import { packArchive } from '../../src/build/pack.ts'
import { PginstallError } from '../../src/model/errors.ts'
import type { ManifestFile } from '../../src/model/manifest.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'
import {
  manifestOf,
  moduleArchive,
  scriptText,
  soundEntries,
  soundFiles,
  writeArchive,
  writeEntries,
} from './helpers/archives.ts'

const signal = new AbortController().signal
const directory = makeTemporaryDirectory('archive')
test.after.always(() => directory.remove())

test.serial('hands on every file of a sound archive, in its order, with its content', async (t) => {
  const path = writeEntries(directory, soundEntries)
  const seen: [string, string][] = []
  const onFile = async (file: ManifestFile, content: AsyncIterable<Buffer>) => {
    const chunks: Buffer[] = []
    for await (const chunk of content) chunks.push(chunk)
    seen.push([file.path, Buffer.concat(chunks).toString()])
  }
  const manifest = await readArchive(path, { signal, onFile })
  t.deepEqual(manifest, manifestOf(soundFiles))
  t.deepEqual(
    seen,
    soundFiles.map(({ path, content }) => [path, content]),
  )
})

test.serial('content that nobody reads is verified all the same', async (t) => {
  const changed = soundEntries.map((entry) =>
    entry.path.endsWith('.sql') ? { ...entry, content: scriptText.replace('1', '2') } : entry,
  )
  await t.throwsAsync(readArchive(writeEntries(directory, changed), { signal, onFile: async () => {} }), {
    instanceOf: PginstallError,
    message: /has not the SHA-256/,
  })
})

test.serial('a consumer that stops in the middle of a file does not lose the rest for the hash', async (t) => {
  const big = 'x'.repeat(1_000_000)
  const files = [...soundFiles, { path: 'thing/big.txt', kind: 'data' as const, content: big }]
  const output = join(directory.path, 'big.tar.gz')
  const packed = files.map(({ path, content }, i) => {
    const source = join(directory.path, `file-${i}`)
    writeFileSync(source, content)
    return { ...(manifestOf(files).files[i] as ManifestFile), path, source }
  })
  await packArchive(manifestOf(files), packed, output, signal)
  let bytes = 0
  await readArchive(output, {
    signal,
    onFile: async (_, content) => {
      for await (const chunk of content) {
        bytes += chunk.length
        break
      }
    },
  })
  t.true(bytes > 0 && bytes < big.length)
})

test.serial('takes what GNU tar and gzip make of the same files', async (t) => {
  const tree = join(directory.path, 'tree')
  for (const { path, content } of soundEntries) {
    mkdirSync(dirname(join(tree, path)), { recursive: true })
    writeFileSync(join(tree, path), content)
  }
  const path = join(directory.path, 'gnu.tar.gz')
  execFileSync('tar', ['-C', tree, '-czf', path, ...soundEntries.map((entry) => entry.path)])
  t.is((await readArchive(path, { signal })).name, 'thing')
})

test.serial('takes modules that are shared objects for the architecture that the manifest claims', async (t) => {
  t.deepEqual((await readArchive(writeEntries(directory, moduleArchive(machine())), { signal })).modules, ['thing'])
  await t.throwsAsync(readArchive(writeEntries(directory, moduleArchive('s390x')), { signal }), {
    message: /its manifest says s390x/,
  })
})

test.serial('an abort ends the reading', async (t) => {
  const path = writeEntries(directory, soundEntries)
  const error = await t.throwsAsync<PginstallError>(readArchive(path, { signal: AbortSignal.abort() }))
  t.is(error?.sqlstate, '57014')
})

test.serial('an error of the consumer comes through', async (t) => {
  const path = writeEntries(directory, soundEntries)
  const onFile = async () => {
    throw new Error('disk full')
  }
  await t.throwsAsync(readArchive(path, { signal, onFile }), { message: 'disk full' })
})

test.serial('a file that is not there is the file system’s error', async (t) => {
  await t.throwsAsync(readArchive(join(directory.path, 'absent.tar.gz'), { signal }), { code: 'ENOENT' })
})

test.serial('what is no archive at all is refused', async (t) => {
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('hello'),
    Buffer.alloc(4096),
    Buffer.from('PK\x03\x04' + 'x'.repeat(100)),
  ]) {
    const error = await t.throwsAsync<PginstallError>(readArchive(writeArchive(directory, bytes), { signal }))
    t.is(error?.sqlstate, 'PI003')
  }
})
