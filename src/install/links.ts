// The directory of a target's module links: what each is called, where it leads, and how it is moved.
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { makeDirectory, syncPath } from '../adapters/files.ts'
import type { PlacedArchive } from './store.ts'

/** A module of the store, as the target of a link names it: …/FULL+NAME/VERSION/DIGEST/NAME/MODULE.so. */
export type LinkedModule = { path: string; module: string; fullName: string; version: string }

export type LinkOptions = {
  /** Of the target. */
  directory: string
  /** Of the installation: what is there has its plain name for itself. */
  pkglibdir: string
  /** Takes a new link before it gets its place. */
  work: string
  /** shared_preload_libraries as the server was started with it. */
  preloaded: string[]
  /** Without, a link that is there stays: other databases use it too, and PostgreSQL may still refuse whoever asked. */
  mayReplace: boolean
  /** Takes links back to an older version, too. */
  back: boolean
}

/** Where the links are that the server finds: the last directory in dynamic_library_path. */
export function linkDirectory(targetDirectory: string): string {
  return join(targetDirectory, 'lib')
}

/** Where those links are that replace the server's at its next restart. */
export function waitingDirectory(targetDirectory: string): string {
  return join(targetDirectory, 'waiting')
}

/** The file of the link `name`, a unique or a plain one. */
export function linkFile(directory: string, name: string): string {
  return join(directory, `${name}.so`)
}

export function moduleFile(archive: PlacedArchive, module: string): string {
  return join(archive.path, archive.name, `${module}.so`)
}

/** What a link leads to; undefined when there is none. A name has no `+`, so that the flat form can be turned back. */
export function readLink(link: string): LinkedModule | undefined {
  try {
    const path = readlinkSync(link)
    const version = dirname(dirname(dirname(path)))
    return {
      path,
      module: basename(path, '.so'),
      fullName: basename(dirname(version)).replaceAll('+', '/'),
      version: basename(version),
    }
  } catch {
    return undefined
  }
}

/** All modules of the directory, by their unique names: a plain one has no `--`. */
export function listLinks(directory: string): LinkedModule[] {
  if (!existsSync(directory)) return []
  const names = readdirSync(directory).filter((file) => file.includes('--'))
  return names.toSorted().flatMap((file) => readLink(join(directory, file)) ?? [])
}

/** In one step: a session that has the old module mapped keeps it. The new link is made in `work`. */
export async function replaceLink(link: string, path: string, work: string): Promise<void> {
  makeDirectory(work)
  makeDirectory(dirname(link))
  const fresh = join(work, `${randomUUID()}.so`)
  symlinkSync(path, fresh)
  try {
    renameSync(fresh, link)
  } catch (cause) {
    rmSync(fresh, { force: true })
    throw cause
  }
  await syncPath(dirname(link))
}

/** PostgreSQL tells modules apart by their inodes; the store keeps equal files once. */
export function isSameFile(a: string, b: string): boolean {
  const [one, other] = [a, b].map((path) => statSync(path, { throwIfNoEntry: false }))
  return one !== undefined && one.ino === other?.ino && one.dev === other.dev
}
