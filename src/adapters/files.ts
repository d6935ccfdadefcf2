// Files that are complete or absent: written beside their place, flushed, then renamed. Only what waits for the disk is
// asynchronous: for the rest, a trip through the thread pool takes ten times as long as the call itself.
import { randomUUID } from 'node:crypto'
import { closeSync, fsync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

const flush = promisify(fsync)

/** Flushes at once; as many as Node's thread pool has threads. */
const maxFlushes = 4

/** Replaces a file in one step; readers see the old or the new one. */
export async function replaceFile(path: string, content: string | Buffer, mode = 0o644): Promise<void> {
  const fresh = `${path}.${randomUUID()}.new`
  try {
    await writeDurably(fresh, content, mode)
    renameSync(fresh, path)
  } catch (cause) {
    rmSync(fresh, { force: true })
    throw cause
  }
  await syncPath(dirname(path))
}

/** As replaceFile, for what is verified whenever it is read: a crash may cost it, so nothing is flushed. */
export function replaceCachedFile(path: string, content: string): void {
  const fresh = `${path}.${randomUUID()}.new`
  try {
    writeFileSync(fresh, content, { flag: 'wx' })
    renameSync(fresh, path)
  } catch (cause) {
    rmSync(fresh, { force: true })
    throw cause
  }
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

/** The text of a small file; undefined when it cannot be read. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
