// Writes an archive: the same manifest and files give the same bytes, whoever builds, where and when.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { crc32, createDeflateRaw } from 'node:zlib'
import { Header } from 'tar'
import { blockBytes } from '../adapters/tar-blocks.ts'
import { PginstallError } from '../model/errors.ts'
import { type Manifest, type ManifestFile, manifestPath, writeManifest } from '../model/manifest.ts'

/** A file of the archive and where its content is on disk. */
export type PackedFile = ManifestFile & { source: string }

/** RFC 1952: deflate, no optional fields, no time, best compression, Unix. Node's own varies by platform. */
const gzipHeader = Buffer.from('1f8b0800000000000203', 'hex')
const compressionLevel = 9

/**
 * Writes an archive to a path that must not exist yet. The bytes are a function of manifest and content for one version
 * of Node's zlib.
 * @throws PginstallError build_failed for a path that a plain tar header cannot hold, and what the file system throws
 */
export async function packArchive(
  manifest: Manifest,
  files: PackedFile[],
  output: string,
  signal: AbortSignal,
): Promise<{ size: number; sha256: string }> {
  await using file = await open(output, 'wx', 0o644)
  const hash = createHash('sha256')
  let size = 0
  const write = async (chunk: Buffer) => {
    hash.update(chunk)
    size += chunk.length
    await file.writeFile(chunk)
  }
  let checksum = 0
  let unpacked = 0
  const watched = async function* () {
    for await (const chunk of tarBytes(manifest, files)) {
      checksum = crc32(chunk, checksum)
      unpacked += chunk.length
      yield chunk
    }
  }
  await write(gzipHeader)
  const deflate = createDeflateRaw({ level: compressionLevel })
  const consume = async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) await write(chunk)
  }
  await pipeline(Readable.from(watched()), deflate, consume, { signal })
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(checksum, 0)
  trailer.writeUInt32LE(unpacked % 2 ** 32, 4)
  await write(trailer)
  await file.sync()
  return { size, sha256: hash.digest('hex') }
}

async function* tarBytes(manifest: Manifest, files: PackedFile[]): AsyncGenerator<Buffer, void, undefined> {
  const text = Buffer.from(writeManifest(manifest))
  yield tarHeader(manifestPath, text.length, false)
  yield text
  yield padding(text.length)
  for (const { path, kind, size, source } of files.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    yield tarHeader(path, size, kind === 'module')
    yield* createReadStream(source) as AsyncIterable<Buffer>
    yield padding(size)
  }
  yield Buffer.alloc(2 * blockBytes)
}

function tarHeader(path: string, size: number, executable: boolean): Buffer {
  const block = Buffer.alloc(blockBytes)
  const header = new Header({
    path,
    size,
    mode: executable ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    uname: '',
    gname: '',
    mtime: new Date(0),
    type: 'File',
  })
  // True when the header cannot hold it all. Readers refuse the extensions that could.
  if (header.encode(block)) {
    throw new PginstallError('build_failed', `file name is too long for an archive: "${path}"`)
  }
  return block
}

function padding(size: number): Buffer {
  return Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes)
}
