// What stands in the store, and in the targets' directories beside it. Reads names and sizes only: `pginstall verify`
// reads bytes.
import { lstatSync, readdirSync, readlinkSync, type Stats, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { identify } from '../adapters/mapped-files.ts'
import { PginstallError } from '../model/errors.ts'
import type { StoredArchiveFacts } from '../model/store-use.ts'
import { linkDirectory, waitingDirectory } from './links.ts'

export type StoredArchiveEntry = StoredArchiveFacts & {
  /** Major and ABI, as the store has it. */
  key: string
  name: string
  /** Its files, and the bytes that they have together. */
  files: StoredFile[]
  bytes: number
}

export type StoredFile = { path: string; inode: string; links: number; bytes: number }

const digestName = /^[0-9a-f]{64}$/

/**
 * Without a store, none is empty: the setting may be wrong.
 * @throws PginstallError undefined_file
 */
export function requireStore(directory: string): string {
  const root = join(directory, 'store')
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() ?? false) return root
  throw new PginstallError('undefined_file', `there is no store in "${directory}"`, {
    detail: 'The sidecar makes it when it first starts.',
    hint: 'Setting "directory" says where it is: pginstall config directory',
  })
}

/** By full name, version and major. */
export function listArchives(directory: string): StoredArchiveEntry[] {
  const root = join(directory, 'store')
  const found: StoredArchiveEntry[] = []
  for (const key of foldersOf(root)) {
    for (const flat of foldersOf(join(root, key))) {
      for (const version of foldersOf(join(root, key, flat))) {
        for (const digest of foldersOf(join(root, key, flat, version))) {
          const entry = readArchive(key, flat, version, digest, join(root, key, flat, version, digest))
          if (entry !== undefined) found.push(entry)
        }
      }
    }
  }
  const order = ({ fullName, version, key, digest }: StoredArchiveEntry) => [fullName, version, key, digest].join(' ')
  return found.sort((a, b) => (order(a) < order(b) ? -1 : 1))
}

/** Links to modules of one target, those that wait for a restart among them; what they lead to need not exist. */
export function linksOf(directory: string, target: string): { name: string; path: string; file: string }[] {
  const own = join(directory, target)
  return [linkDirectory(own), waitingDirectory(own)].flatMap((folder) =>
    entriesOf(folder).flatMap((entry) => {
      const file = linkTarget(join(folder, entry))
      return file === undefined ? [] : [{ name: basename(entry, '.so'), path: join(folder, entry), file }]
    }),
  )
}

/** Folders of targets, whether or not anybody knows them. */
export function listTargetFolders(directory: string): string[] {
  return foldersOf(directory).filter((name) =>
    ['lib', 'waiting', 'roots'].some((child) => foldersOf(join(directory, name)).includes(child)),
  )
}

/** Files of the store that an extension root leads to. */
export function filesOfRoot(root: string): string[] {
  return foldersOf(join(root, 'scripts')).flatMap((name) => linkTargetsBelow(join(root, 'scripts', name)))
}

export function entriesOf(path: string): string[] {
  try {
    return readdirSync(path)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) return []
    throw cause
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

/** Undefined when it went away while we looked. */
export function readFile(path: string): StoredFile | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  return stat === undefined
    ? undefined
    : { path, inode: String(stat.ino), links: stat.nlink, bytes: stat.isFile() ? stat.size : 0 }
}

function readArchive(
  key: string,
  flat: string,
  version: string,
  digest: string,
  path: string,
): StoredArchiveEntry | undefined {
  const claimed = statOf(path)?.mtimeMs
  if (!digestName.test(digest) || claimed === undefined) return undefined
  const files = filesBelow(path)
  const major = Number.parseInt(key, 10)
  // The inverse of flattenFullName: a full name has no `+`.
  const fullName = flat.replaceAll('+', '/')
  return {
    ...{ key, fullName, version, digest, path, files, claimed },
    name: fullName.slice(fullName.lastIndexOf('/') + 1),
    major: Number.isNaN(major) ? null : major,
    modules: files.filter((file) => file.path.endsWith('.so')).map((file) => identify(file.inode, file.path)),
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
  }
}

function filesBelow(path: string): StoredFile[] {
  return entriesOf(path).flatMap((name) => {
    const child = join(path, name)
    return statOf(child)?.isDirectory() ? filesBelow(child) : (readFile(child) ?? [])
  })
}

function linkTargetsBelow(path: string): string[] {
  return entriesOf(path).flatMap((name) => {
    const child = join(path, name)
    return statOf(child)?.isDirectory() ? linkTargetsBelow(child) : (linkTarget(child) ?? [])
  })
}

function foldersOf(path: string): string[] {
  return entriesOf(path).filter((name) => statOf(join(path, name))?.isDirectory())
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}
