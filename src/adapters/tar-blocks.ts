// Pulls a gzipped tar apart, block by block, under limits; knows nothing of what an archive should hold.
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { crc32, createInflateRaw } from 'node:zlib'
import { Header } from 'tar/header'
import { PginstallError } from '../model/errors.ts'

export const blockBytes = 512
/** Largest compressed archive, bytes; the schema's limit of one file is the same. */
export const maxArchiveBytes = 1024 ** 3
/** Largest unpacked archive, bytes. */
export const maxUnpackedBytes = 4 * 1024 ** 3
/** Unpacked bytes for each compressed one. Text reaches 20, runs of one byte 1,000. */
export const maxRatio = 250
/** What is let through before the ratio counts, bytes: a small archive may well be mostly padding. */
const ratioFloorBytes = 16 * 1024 ** 2
/** What may follow the end marker, zeros all of it, bytes: to look at gigabytes of them takes a minute. */
const maxFillBytes = 1024 ** 2
const gzipHeaderBytes = 10
const gzipTrailerBytes = 8

/**
 * The bytes inside a file of exactly one gzip member. Node's Gunzip takes several members, and garbage after them: bytes
 * that nothing would have verified. So the frame (RFC 1952) is read here, and only what is in it is inflated.
 * @throws PginstallError verification_failed, program_limit_exceeded, query_canceled, and what the file system throws
 */
export async function* gunzipOne(path: string, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  await using file = await open(path, 'r')
  const { size } = await file.stat()
  if (size > maxArchiveBytes) throw tooLarge(`it has more than ${maxArchiveBytes} bytes`)
  const head = Buffer.alloc(gzipHeaderBytes)
  const tail = Buffer.alloc(gzipTrailerBytes)
  if (size <= gzipHeaderBytes + gzipTrailerBytes) throw unsound('it is no gzip file')
  await file.read(head, 0, gzipHeaderBytes, 0)
  await file.read(tail, 0, gzipTrailerBytes, size - gzipTrailerBytes)
  // Magic, deflate, and no optional fields: nothing may hide in a header.
  if (head.readUInt32BE(0) !== 0x1f8b0800) throw unsound('it is no gzip file with a plain header')
  const deflated = size - gzipHeaderBytes - gzipTrailerBytes
  const inflate = createInflateRaw()
  const source = createReadStream(path, {
    fd: file,
    autoClose: false,
    start: gzipHeaderBytes,
    end: size - gzipTrailerBytes - 1,
    signal,
  })
  source.on('error', (cause) => inflate.destroy(cause)).pipe(inflate)
  let unpacked = 0
  let checksum = 0
  try {
    for await (const chunk of inflate as AsyncIterable<Buffer>) {
      unpacked += chunk.length
      if (unpacked > maxUnpackedBytes) throw tooLarge(`it unpacks to more than ${maxUnpackedBytes} bytes`)
      if (unpacked > ratioFloorBytes && unpacked > size * maxRatio)
        throw tooLarge(`it unpacks to more than ${maxRatio} times its size`)
      checksum = crc32(chunk, checksum)
      yield chunk
    }
  } catch (cause) {
    const { code } = cause as { code?: unknown }
    if (signal.aborted) throw new PginstallError('query_canceled', 'reading of the archive was canceled', { cause })
    if (typeof code === 'string' && code.startsWith('Z_')) throw unsound('its compressed data is damaged', cause)
    throw cause
  } finally {
    source.destroy()
    inflate.destroy()
  }
  if (inflate.bytesWritten !== deflated) throw unsound('it has bytes after its gzip member')
  if (tail.readUInt32LE(0) !== checksum || tail.readUInt32LE(4) !== unpacked % 2 ** 32) {
    throw unsound('its checksum does not hold')
  }
}

const zeros = Buffer.alloc(blockBytes)

export type TarEntry = {
  path: string
  /** Bytes. */
  size: number
  /** To be consumed, in whole or in part, before the next entry is asked for. */
  content: AsyncIterable<Buffer>
}

/**
 * The entries of a tar stream: regular files in plain ustar blocks, nothing else. Extended headers (pax, GNU) are
 * refused with links, devices and directories: tricks on readers of tar are made of them, and our archives need none.
 * After the two zero blocks of the end only zeros may follow.
 * @throws PginstallError verification_failed
 */
export async function* readTarEntries(
  bytes: AsyncGenerator<Buffer, void, undefined>,
): AsyncGenerator<TarEntry, void, undefined> {
  const reader = new ByteReader(bytes)
  try {
    for (;;) {
      const block = await reader.takeBlock()
      if (isZero(block)) break
      const { path, size } = parseHeader(block)
      const body = new EntryBody(reader, size)
      yield { path, size, content: body.chunks() }
      await body.skipRest()
    }
    if (!isZero(await reader.takeBlock())) throw unsound('its end marker is not whole')
    await reader.expectZeros()
  } finally {
    await bytes.return()
  }
}

/** The content of one entry, and the padding of its last block. */
class EntryBody {
  readonly #reader: ByteReader
  readonly #padding: number
  #left: number

  constructor(reader: ByteReader, size: number) {
    this.#reader = reader
    this.#left = size
    this.#padding = (blockBytes - (size % blockBytes)) % blockBytes
  }

  async *chunks(): AsyncGenerator<Buffer, void, undefined> {
    while (this.#left > 0) {
      const chunk = await this.#reader.take(this.#left)
      this.#left -= chunk.length
      yield chunk
    }
  }

  async skipRest(): Promise<void> {
    for await (const _ of this.chunks());
    for (let left = this.#padding; left > 0; ) {
      const padding = await this.#reader.take(left)
      if (!isZero(padding)) throw unsound('it has bytes between its entries')
      left -= padding.length
    }
  }
}

function parseHeader(block: Buffer): { path: string; size: number } {
  const header = decodeHeader(block)
  if (!header.cksumValid) throw unsound('a tar header has a wrong checksum')
  const { path, size, type, linkpath } = header
  if (path === undefined || path === '') throw unsound('a tar entry has no name')
  if ((type !== 'File' && type !== 'OldFile') || linkpath) {
    throw unsound(`the entry ${JSON.stringify(path)} is no regular file but of type ${type}`)
  }
  if (size === undefined) throw unsound(`the entry ${JSON.stringify(path)} has no sound size`)
  return { path, size }
}

function decodeHeader(block: Buffer): Header {
  try {
    return new Header(block)
  } catch (cause) {
    throw unsound('a tar header has a number that is none', cause)
  }
}

class ByteReader {
  readonly #bytes: AsyncGenerator<Buffer, void, undefined>
  #chunk: Buffer = Buffer.alloc(0)

  constructor(bytes: AsyncGenerator<Buffer, void, undefined>) {
    this.#bytes = bytes
  }

  /** From 1 to `most` bytes. */
  async take(most: number): Promise<Buffer> {
    if (!(await this.#fill())) throw unsound('it is cut short')
    const taken = this.#chunk.subarray(0, most)
    this.#chunk = this.#chunk.subarray(taken.length)
    return taken
  }

  async takeBlock(): Promise<Buffer> {
    const parts: Buffer[] = []
    for (let left = blockBytes; left > 0; ) {
      const part = await this.take(left)
      parts.push(part)
      left -= part.length
    }
    return Buffer.concat(parts)
  }

  /** Reads to the end, which also has the gzip frame checked to its end. Programs fill up their last record with zeros. */
  async expectZeros(): Promise<void> {
    for (let left = maxFillBytes; await this.#fill(); ) {
      left -= this.#chunk.length
      if (left < 0) throw tooLarge(`it has more than ${maxFillBytes} bytes after its end marker`)
      if (!isZero(this.#chunk)) throw unsound('it has bytes after its end marker')
      this.#chunk = Buffer.alloc(0)
    }
  }

  async #fill(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const { done, value } = await this.#bytes.next()
      if (done) return false
      this.#chunk = value
    }
    return true
  }
}

function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += blockBytes) {
    const piece = bytes.subarray(at, at + blockBytes)
    if (!piece.equals(zeros.subarray(0, piece.length))) return false
  }
  return true
}

export function unsound(fault: string, cause?: unknown): PginstallError {
  return new PginstallError(
    'verification_failed',
    `archive does not hold: ${fault}`,
    cause === undefined ? {} : { cause },
  )
}

export function tooLarge(fault: string): PginstallError {
  return new PginstallError('program_limit_exceeded', `archive is too large: ${fault}`)
}
