// Module links: under a bare name that is unique by provider, the newest module that the target needs, from the store.
// That directory is the last in dynamic_library_path.
import { rmSync } from 'node:fs'
import { claim } from '../adapters/claims.ts'
import { uniqueModuleName } from '../model/names.ts'
import { compareVersions } from '../model/version-order.ts'
import {
  isSameFile,
  type LinkedModule,
  type LinkOptions,
  linkDirectory,
  linkFile,
  moduleFile,
  readLink,
  replaceLink,
  waitingDirectory,
} from './links.ts'
import { followPlainName, isPreloaded, offerPlainName } from './plain-names.ts'
import type { PlacedArchive } from './store.ts'

/** Module as scripts name it: the bare name under which the server finds it. */
export type ModuleNames = Record<string, string>

/** `waiting`: what the server has preloaded of modules whose links are switched at its next restart only. */
export type Linked = { names: ModuleNames; waiting: LinkedModule[] }

/**
 * Links the archive's modules, of which `only` may name some. One module serves every SQL version of its extension
 * (PostgreSQL's contract), so the link follows the newest version and never goes back by itself. Where the running
 * server has one of them preloaded, a second version beside it would not load: all of them wait, to stay of one version.
 */
export async function linkModules(
  archive: PlacedArchive,
  options: LinkOptions,
  only: string[] = archive.manifest.modules,
): Promise<Linked> {
  const { work, back } = options
  const all = only.map((module) => placesOf(module, archive, options))
  const waiting = all.flatMap(({ module, link, wanted }) => {
    const current = readLink(link)
    const moves = current !== undefined && mayMove(current, wanted, archive.version, options)
    const isBusy = moves && isPreloaded(module, archive.fullName, options) && !isSameFile(current.path, wanted)
    return isBusy ? [current] : []
  })
  for (const { module, link, later, wanted } of all) {
    // Looked at again each time: another request may have been faster, with a newer version.
    const moves = mayMove(readLink(link), wanted, archive.version, options)
    if (!moves) await followPlainName(module, archive.fullName, options)
    else if (waiting.length === 0) {
      await replaceLink(link, wanted, work)
      if (options.mayReplace) await offerPlainName(module, archive.fullName, options)
    } else if (mayMove(readLink(later), wanted, archive.version, options)) await replaceLink(later, wanted, work)
    if (back && !moves) rmSync(later, { force: true })
  }
  return {
    names: Object.fromEntries(all.map(({ module, name }) => [module, name])),
    waiting,
  }
}

function placesOf(module: string, archive: PlacedArchive, { directory }: LinkOptions) {
  const name = uniqueModuleName(module, archive.fullName)
  const link = linkFile(linkDirectory(directory), name)
  const later = linkFile(waitingDirectory(directory), name)
  // Before they are looked at: whoever clears the store leaves them from now on.
  for (const path of [link, later, linkFile(linkDirectory(directory), module)]) claim(path)
  return { module, name, link, later, wanted: moduleFile(archive, module) }
}

function mayMove(
  current: LinkedModule | undefined,
  wanted: string,
  version: string,
  { mayReplace, back }: LinkOptions,
): boolean {
  if (current === undefined) return true
  return mayReplace && current.path !== wanted && (back || compareVersions(current.version, version) <= 0)
}

/** Switches links that waited for the server to stop; nothing of it may be running. */
export async function switchWaiting(
  modules: LinkedModule[],
  { directory, work }: Pick<LinkOptions, 'directory' | 'work'>,
): Promise<void> {
  for (const { path, module, fullName } of modules) {
    const name = uniqueModuleName(module, fullName)
    const lib = linkDirectory(directory)
    const plain = linkFile(lib, module)
    if (readLink(plain)?.fullName === fullName) await replaceLink(plain, path, work)
    await replaceLink(linkFile(lib, name), path, work)
    rmSync(linkFile(waitingDirectory(directory), name), { force: true })
  }
}
