// Archives on disk, by content: sha256/ab/abcdef…. What has a name there is complete and flushed.
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describeCause, PginstallError } from '../model/errors.ts'
import { syncPath } from './files.ts'

export type StagedArchive = {
  /** Where its bytes are until `keep`. */
  path: string
  sha256: string
  /** Bytes. */
  size: number
  /** Puts it among the archives. */
  keep(): Promise<void>
  /** Removes what `keep` has not put away. */
  discard(): Promise<void>
}

/** First and last byte, both included. */
export type ByteRange = { first: number; last: number }

/** No transfer pauses that long: the server ends connections that are idle for less. */
const abandonedAfterMs = 3_600_000

export class ArchiveStorage {
  #incoming: string
  #archives: string

  private constructor(directory: string) {
    this.#incoming = join(directory, 'incoming')
    this.#archives = join(directory, 'sha256')
  }

  static async open(directory: string): Promise<ArchiveStorage> {
    const storage = new ArchiveStorage(directory)
    await mkdir(storage.#incoming, { recursive: true })
    await mkdir(storage.#archives, { recursive: true })
    return storage
  }

  /**
   * Takes bytes in, beside the archives. The file is gone again when this throws.
   * @throws PginstallError program_limit_exceeded, query_canceled, io_error
   */
  async stage(
    bytes: Readable,
    { maxBytes, signal }: { maxBytes: number; signal: AbortSignal },
  ): Promise<StagedArchive> {
    const path = join(this.#incoming, randomUUID())
    const hash = createHash('sha256')
    let size = 0
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        size += chunk.length
        if (size > maxBytes) return done(tooLarge(maxBytes))
        hash.update(chunk)
        done(null, chunk)
      },
    })
    try {
      await pipeline(bytes, measure, createWriteStream(path, { flags: 'wx', flush: true }), { signal })
    } catch (cause) {
      await rm(path, { force: true })
      throw asReceptionFailure(cause, bytes, signal)
    }
    const sha256 = hash.digest('hex')
    return {
      path,
      sha256,
      size,
      keep: () => this.#keep(path, sha256),
      discard: () => rm(path, { force: true }),
    }
  }

  /**
   * Some bytes of an archive.
   * @throws PginstallError undefined_file
   */
  async read(sha256: string, { first, last }: ByteRange): Promise<Readable> {
    const path = this.#place(sha256)
    const handle = await open(path, 'r').catch((cause: unknown) => {
      throw new PginstallError('undefined_file', 'archive is published, but its file is missing', { cause })
    })
    return createReadStream(path, { fd: handle, start: first, end: last })
  }

  /** Removes what uploads of a killed process have left behind. */
  async removeAbandoned(now: Date): Promise<void> {
    for (const name of await readdir(this.#incoming)) {
      const path = join(this.#incoming, name)
      const found = await stat(path).catch(() => undefined)
      if (found !== undefined && now.getTime() - found.mtimeMs > abandonedAfterMs) await rm(path, { force: true })
    }
  }

  /** Also over a file that is there: it has the same bytes, or has lost them to a failing disk. */
  async #keep(path: string, sha256: string): Promise<void> {
    const place = this.#place(sha256)
    const folder = dirname(place)
    if ((await mkdir(folder, { recursive: true })) !== undefined) await syncPath(this.#archives)
    await rename(path, place)
    await syncPath(folder)
  }

  #place(sha256: string): string {
    return join(this.#archives, sha256.slice(0, 2), sha256)
  }
}

function asReceptionFailure(cause: unknown, bytes: Readable, signal: AbortSignal): PginstallError {
  if (cause instanceof PginstallError) return cause
  // The sender has gone, or we are to end.
  if (signal.aborted || bytes.errored === cause)
    return new PginstallError('query_canceled', 'upload was canceled', { cause })
  return new PginstallError('io_error', `could not store the archive: ${describeCause(cause)}`, { cause })
}

export function tooLarge(maxBytes: number): PginstallError {
  return new PginstallError('program_limit_exceeded', 'archive is too large', {
    detail: `This repository takes archives of at most ${maxBytes} bytes.`,
  })
}
