// The only reader of archives: what it lets through is exactly what the manifest says, and nothing else was in the file.

import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { parseControlFile } from '../model/control-file.ts'
import {
  checkControlAgainstManifest,
  type Manifest,
  type ManifestFile,
  manifestPath,
  parseManifest,
} from '../model/manifest.ts'
import { elfHeaderBytes, readElfHeader } from './elf.ts'
import { gunzipOne, maxUnpackedBytes, readTarEntries, type TarEntry, tooLarge, unsound } from './tar-blocks.ts'

export type ReadArchiveOptions = {
  signal: AbortSignal
  /**
   * Is handed every file in the archive's order, its content as it comes. What it gets is *not verified yet*: whatever it
   * stages may be used only when readArchive has come to its end. It may leave content unread.
   */
  onFile?: (file: ManifestFile, content: AsyncIterable<Buffer>) => Promise<void>
}

/** Bytes; 20,000 files need some 6 MiB. */
const maxManifestBytes = 16 * 1024 ** 2
/** Bytes; half a dozen lines are usual. */
const maxControlBytes = 64 * 1024

/**
 * Verifies an archive on disk to its last byte: first `manifest.json`, then each of the manifest's files once, with its
 * size and SHA-256, control files that parse and agree with the manifest, modules that are shared objects of the
 * architecture claimed. Nothing is written and no name from the archive reaches the file system.
 * @throws PginstallError verification_failed, program_limit_exceeded, syntax_error, invalid_name, name_too_long,
 * config_file_error, and what onFile or the file system throws
 */
export async function readArchive(path: string, { signal, onFile }: ReadArchiveOptions): Promise<Manifest> {
  const entries = readTarEntries(gunzipOne(path, signal))
  try {
    const first = await entries.next()
    if (first.done || first.value.path !== manifestPath) throw unsound(`its first entry is not ${manifestPath}`)
    const manifest = parseManifest(asText(await readWhole(first.value, maxManifestBytes), manifestPath))
    const total = manifest.files.reduce((sum, { size }) => sum + size, 0)
    if (total > maxUnpackedBytes) throw tooLarge(`its files have more than ${maxUnpackedBytes} bytes`)
    await verifyFiles(entries, manifest, onFile)
    return manifest
  } finally {
    await entries.return()
  }
}

type OnFile = ReadArchiveOptions['onFile']

async function verifyFiles(entries: AsyncIterable<TarEntry>, manifest: Manifest, onFile: OnFile): Promise<void> {
  const missing = new Map(manifest.files.map((file) => [file.path, file]))
  const controls = new Map<string, string>()
  for await (const entry of entries) {
    const file = missing.get(entry.path)
    if (file === undefined)
      throw unsound(`the entry ${JSON.stringify(entry.path)} is not in its manifest, or comes twice`)
    missing.delete(entry.path)
    if (entry.size !== file.size) throw unsound(`the file "${file.path}" has not the size that its manifest says`)
    const control = await verifyFile(file, entry, manifest, onFile)
    if (control !== undefined) controls.set(file.path, control)
  }
  const [lost] = missing.keys()
  if (lost !== undefined) throw unsound(`it lacks the file "${lost}"`)
  checkControls(manifest, controls)
}

/** Hands the content on while it is hashed. The text of a control file is kept and returned. */
async function verifyFile(
  file: ManifestFile,
  entry: TarEntry,
  manifest: Manifest,
  onFile: OnFile,
): Promise<string | undefined> {
  const isControl = file.kind === 'control' || file.kind === 'auxiliary_control'
  if (isControl && file.size > maxControlBytes) {
    throw tooLarge(`its control file "${file.path}" has more than ${maxControlBytes} bytes`)
  }
  const hash = createHash('sha256')
  const keepBytes = isControl ? maxControlBytes : elfHeaderBytes
  let kept = Buffer.alloc(0)
  const watched = watch(entry.content, (chunk) => {
    hash.update(chunk)
    if (kept.length < keepBytes) kept = Buffer.concat([kept, chunk]).subarray(0, keepBytes)
  })
  await onFile?.(file, { [Symbol.asyncIterator]: () => ({ next: () => watched.next() }) })
  // Whatever onFile left.
  for await (const _ of watched);
  if (hash.digest('hex') !== file.sha256)
    throw unsound(`the file "${file.path}" has not the SHA-256 that its manifest says`)
  if (file.kind === 'module') checkModule(file.path, kept, manifest)
  return isControl ? asText(kept, file.path) : undefined
}

async function* watch(
  content: AsyncIterable<Buffer>,
  see: (chunk: Buffer) => void,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of content) {
    see(chunk)
    yield chunk
  }
}

function checkModule(path: string, start: Buffer, { needs }: Manifest): void {
  const header = readElfHeader(start)
  if (header === null || !header.shared) throw unsound(`the module "${path}" is no shared object`)
  if (header.architecture !== needs?.architecture) {
    throw unsound(`the module "${path}" is for ${header.architecture}, its manifest says ${needs?.architecture}`)
  }
}

/** One control file that PostgreSQL cannot parse makes pg_available_extensions fail for everyone. */
function checkControls(manifest: Manifest, texts: Map<string, string>): void {
  const mainPath = `${manifest.name}.control`
  const main = parseControlFile(texts.get(mainPath) ?? '', { file: mainPath, auxiliary: false })
  checkControlAgainstManifest(main, manifest)
  for (const [path, text] of texts) {
    if (path !== mainPath) parseControlFile(text, { file: path, auxiliary: true, main })
  }
}

async function readWhole(entry: TarEntry, maxBytes: number): Promise<Buffer> {
  if (entry.size > maxBytes) throw tooLarge(`its ${entry.path} has more than ${maxBytes} bytes`)
  const chunks: Buffer[] = []
  for await (const chunk of entry.content) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function asText(bytes: Buffer, path: string): string {
  if (!isUtf8(bytes)) throw unsound(`the file "${path}" is not UTF-8`)
  return bytes.toString()
}
