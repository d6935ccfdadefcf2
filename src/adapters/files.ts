// Files that are complete or absent: written beside their place, flushed, then renamed. Only what waits for the disk is
// asynchronous: for the rest, a trip through the thread pool takes ten times as long as the call itself.
import { randomUUID } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  fsync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Condition, describeCause, PginstallError } from '../model/errors.ts'

const flush = promisify(fsync)

/** Flushes at once; as many as Node's thread pool has threads. */
const maxFlushes = 4

/**
 * Replaces a file in one step; readers see the old or the new one. It is written in `work`, a directory of the same file
 * system, where whoever owns that clears away what a crash leaves.
 */
export async function replaceFile(path: string, content: string | Buffer, work = dirname(path)): Promise<void> {
  const fresh = freshPath(path, work)
  try {
    await writeDurably(fresh, content)
    renameSync(fresh, path)
  } catch (cause) {
    rmSync(fresh, { force: true })
    throw cause
  }
  await syncPath(dirname(path))
}

/** As replaceFile, for what is verified whenever it is read: a crash may cost it, so nothing is flushed. */
export function replaceCachedFile(path: string, content: string, work: string): void {
  const fresh = freshPath(path, work)
  try {
    writeFileSync(fresh, content, { flag: 'wx' })
    renameSync(fresh, path)
  } catch (cause) {
    rmSync(fresh, { force: true })
    throw cause
  }
}

function freshPath(path: string, work: string): string {
  return join(work, `${basename(path)}.${randomUUID()}.new`)
}

/** Creates a file, which must not exist yet, and flushes it. */
export async function writeDurably(path: string, content: string | Buffer, mode = 0o644): Promise<void> {
  const file = openSync(path, 'wx', mode)
  try {
    writeFileSync(file, content)
    await flush(file)
  } finally {
    closeSync(file)
  }
}

/** Creates a file, which must not exist yet, as its content comes; syncPaths flushes it. */
export async function writeStream(path: string, content: AsyncIterable<Buffer>, mode: number): Promise<void> {
  const file = openSync(path, 'wx', mode)
  try {
    for await (const chunk of content) writeFileSync(file, chunk)
  } finally {
    closeSync(file)
  }
}

/** Flushes a file, or a directory: a rename or a new entry survives a crash once its directory is flushed. */
export async function syncPath(path: string): Promise<void> {
  const file = openSync(path, 'r')
  try {
    await flush(file)
  } finally {
    closeSync(file)
  }
}

/** The same for many, several at a time, so that the disk may take them together. */
export async function syncPaths(paths: string[]): Promise<void> {
  const left = [...paths]
  const work = async () => {
    for (let path = left.pop(); path !== undefined; path = left.pop()) await syncPath(path)
  }
  await Promise.all(Array.from({ length: maxFlushes }, work))
}

/** Makes a directory and those above it, which everybody may read. Node's own recursive mkdir takes a read-only file system for a missing directory. */
export function makeDirectory(path: string, mode = 0o755): void {
  try {
    mkdirSync(path, { mode })
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'EEXIST') return
    if (code !== 'ENOENT') throw cause
    makeDirectory(dirname(path))
    makeDirectory(path, mode)
  }
}

/** Makes a directory that only its owner may look into, also where it stood open. */
export function makePrivateDirectory(path: string): void {
  makeDirectory(path, 0o700)
  if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o700)
}

/** The text of a small file; undefined when it cannot be read. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

const troubles: Record<string, { condition: Condition; hint: string }> = {
  ENOSPC: { condition: 'disk_full', hint: 'Free space or inodes on the file system of setting "directory".' },
  EDQUOT: { condition: 'disk_full', hint: "Raise the disk quota of the sidecar's OS user." },
  EROFS: { condition: 'io_error', hint: 'Mount the file system of setting "directory" for writing.' },
  EACCES: { condition: 'io_error', hint: 'Setting "directory" must belong to the OS user that the sidecar runs as.' },
}

/** What a system call failed with, as an error for whoever asked for `what`; any other cause as it is. */
export function fileTrouble(what: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || !('code' in cause) || !('syscall' in cause)) return cause
  const trouble = troubles[String(cause.code)]
  return new PginstallError(trouble?.condition ?? 'io_error', `could not ${what}: ${describeCause(cause)}`, {
    ...(trouble === undefined ? {} : { hint: trouble.hint }),
    cause,
  })
}
