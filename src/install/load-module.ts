// A module that a database of the target has functions of and this machine lacks: from the store, else fetched, and linked.
import { existsSync, rmSync } from 'node:fs'
import { claim } from '../adapters/claims.ts'
import { fileTrouble } from '../adapters/files.ts'
import { PginstallError } from '../model/errors.ts'
import { type ExtensionName, parseFullName, parseLibraryName } from '../model/names.ts'
import { unmetNeeds } from '../model/platform.ts'
import { checkBeforeNetwork, pinned } from '../model/policy.ts'
import type { Place } from './install.ts'
import { linkDirectory, linkFile, readLink } from './links.ts'
import { linkModules } from './module-links.ts'
import { type Circumstances, Resolver } from './resolve.ts'
import type { PlacedArchive } from './store.ts'

export type ModuleRequest = {
  /** Unique module name. */
  library: string
  /** That the database has recorded; undefined where it has not. */
  version: string | undefined
}

/**
 * A link that leads somewhere is never replaced: the server may have the module preloaded.
 * @throws PginstallError whatever Resolver.resolve and Store.take throw; undefined_file, disk_full, io_error
 */
export async function loadModule(
  { library, version }: ModuleRequest,
  circumstances: Circumstances,
  place: Place,
): Promise<{ modulePath: string; version: string }> {
  const { module, fullName } = parseLibraryName(library)
  const name: ExtensionName = { kind: 'full', full: fullName, short: parseFullName(fullName).short }
  checkBeforeNetwork(name, undefined, circumstances.asker, circumstances.policy)
  const { directory, installation } = place.target
  const modulePath = linkDirectory(directory)
  const link = linkFile(modulePath, library)
  try {
    const linked = existsSync(link) ? readLink(link) : undefined
    if (linked !== undefined) return { modulePath, version: linked.version }
    const archive =
      findPlaced(fullName, version, module, circumstances, place) ?? (await fetch(name, version, circumstances, place))
    if (!archive.manifest.modules.includes(module)) {
      throw new PginstallError('undefined_file', `extension "${fullName}" has no module "${module}"`, {
        detail: `Its version ${archive.version} has: ${archive.manifest.modules.join(', ') || 'none'}.`,
      })
    }
    // One that leads nowhere, to a newer version perhaps, would stay.
    rmSync(link, { force: true })
    const { pkglibdir } = installation
    const options = { directory, pkglibdir, work: place.store.work, preloaded: [], mayReplace: true, back: false }
    await linkModules(archive, options, [module])
    return { modulePath, version: archive.version }
  } catch (cause) {
    throw fileTrouble(`place module "${library}"`, cause)
  }
}

/** What is here already needs no repository: one that is down keeps no server from its own data. */
function findPlaced(
  fullName: string,
  version: string | undefined,
  module: string,
  { server, machine, policy }: Circumstances,
  { store }: Place,
): PlacedArchive | undefined {
  return pinned(fullName, store.find(fullName, version, server), policy).find(
    ({ manifest, path }) =>
      manifest.modules.includes(module) && unmetNeeds(manifest, server, machine).length === 0 && claim(path),
  )
}

async function fetch(
  name: ExtensionName,
  version: string | undefined,
  circumstances: Circumstances,
  { store, unknown }: Place,
): Promise<PlacedArchive> {
  const { repositories, now, notify, signal } = circumstances
  const resolver = new Resolver(circumstances)
  const key = JSON.stringify(['module', name, version, repositories.map(({ uri }) => uri)])
  const resolved = await unknown.resolve(key, now, () =>
    version === undefined ? resolver.resolve(name) : resolver.resolveAtLeast(name, version),
  )
  return store.take(resolved, notify, signal)
}
