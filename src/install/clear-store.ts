// Takes archives out of the store that nobody needs. Killed at any point, it leaves each archive whole or away from its
// place; the next run, and the start of a sidecar, remove what is away, and the next run also what led to it.
import { randomUUID } from 'node:crypto'
import { rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { claimedAt, takeAway } from '../adapters/claims.ts'
import { ownWorkDirectory, prepareWorkDirectory } from '../adapters/work-directory.ts'
import {
  entriesOf,
  filesOfRoot,
  linksOf,
  listTargetFolders,
  readFile,
  type StoredArchiveEntry,
  type StoredFile,
} from './store-contents.ts'

/** Bytes that the disk has more once these archives are gone: files that others share stay. */
export function bytesFreed(directory: string, archives: StoredArchiveEntry[]): number {
  const names = new Map<string, { file: StoredFile; removed: number }>()
  for (const file of [...sharedFiles(directory), ...archives.flatMap(({ files }) => files)]) {
    const known = names.get(file.inode)
    if (known === undefined) names.set(file.inode, { file, removed: 1 })
    else known.removed++
  }
  return [...names.values()].reduce((sum, { file, removed }) => sum + (removed >= file.links ? file.bytes : 0), 0)
}

/**
 * Removes those of the archives that nobody has claimed since `before`, milliseconds since 1970, and what is left over
 * without them: links, extension roots, shared files. Answers which archives went, and
 * the bytes that the disk has more.
 */
export function clearStore(
  directory: string,
  archives: StoredArchiveEntry[],
  before: number,
): { gone: StoredArchiveEntry[]; bytes: number } {
  const incoming = join(directory, 'incoming')
  const work = ownWorkDirectory(incoming)
  prepareWorkDirectory(incoming)
  const remove = (path: string) => takeAway(path, join(work, randomUUID()), before)
  try {
    const gone = archives.filter(({ path }) => remove(path))
    const bytes = bytesFreed(directory, gone)
    for (const target of listTargetFolders(directory)) removeDangling(directory, target, remove)
    removeEmptyFolders(join(directory, 'store'))
    rmSync(work, { recursive: true, force: true })
    for (const { path, links } of sharedFiles(directory)) if (links === 1) rmSync(path, { force: true })
    return { gone, bytes }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function removeDangling(directory: string, target: string, remove: (path: string) => boolean): void {
  const isGone = (file: string) => claimedAt(file) === undefined
  for (const { path, file } of linksOf(directory, target)) if (isGone(file)) remove(path)
  const roots = join(directory, target, 'roots')
  for (const name of entriesOf(roots)) if (filesOfRoot(join(roots, name)).some(isGone)) remove(join(roots, name))
}

/** Folders of versions, of extensions and of majors. */
function removeEmptyFolders(root: string): void {
  const remove = (path: string, depth: number) => {
    if (depth > 1) for (const name of entriesOf(path)) remove(join(path, name), depth - 1)
    try {
      rmdirSync(path)
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
      if (code !== 'ENOTEMPTY' && code !== 'ENOENT' && code !== 'ENOTDIR') throw cause
    }
  }
  for (const key of entriesOf(root)) remove(join(root, key), 3)
}

function sharedFiles(directory: string): StoredFile[] {
  return entriesOf(join(directory, 'files')).flatMap((name) => readFile(join(directory, 'files', name)) ?? [])
}
