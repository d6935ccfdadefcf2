// Who relies on a thing below `directory` says so by its time, first; whoever removes things takes none whose time is not
// past. No lock: it would have to be held while an archive is fetched, and could not be taken on a full disk.
import { lstatSync, lutimesSync, renameSync } from 'node:fs'

/** Says that we rely on it from now on; false when it is not there. On a disk that takes no writes nothing is removed either. */
export function claim(path: string): boolean {
  const now = new Date()
  try {
    lutimesSync(path, now, now)
    return true
  } catch (cause) {
    if (isMissing(cause)) return false
    return claimedAt(path) !== undefined
  }
}

/** When it was claimed last, milliseconds since 1970; undefined when it is not there. */
export function claimedAt(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.mtimeMs
}

/**
 * Takes a thing away that nobody has claimed since `before`. Between a last look and the rename somebody may: its time
 * moves with it, and it is put back, unless whoever missed it has made it anew by then.
 */
export function takeAway(path: string, to: string, before: number): boolean {
  const isFree = (place: string) => (claimedAt(place) ?? Infinity) < before
  if (!isFree(path)) return false
  try {
    renameSync(path, to)
  } catch (cause) {
    if (isMissing(cause)) return false
    throw cause
  }
  if (isFree(to)) return true
  if (claimedAt(path) === undefined) renameSync(to, path)
  return false
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
}
