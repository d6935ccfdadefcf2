// Files that are complete or absent: written beside their place, flushed, then renamed.
import { randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Replaces a file in one step; readers see the old or the new one. */
export async function replaceFile(path: string, content: string | Buffer, mode = 0o644): Promise<void> {
  const fresh = `${path}.${randomUUID()}.new`
  try {
    await writeDurably(fresh, content, mode)
    await rename(fresh, path)
  } catch (cause) {
    await rm(fresh, { force: true })
    throw cause
  }
  await syncDirectory(dirname(path))
}

/** Creates a file, which must not exist yet, and flushes it. */
export async function writeDurably(
  path: string,
  content: string | Buffer | AsyncIterable<Buffer>,
  mode = 0o644,
): Promise<void> {
  const handle = await open(path, 'wx', mode)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A rename or a new entry survives a crash once its directory is flushed. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
