// A module that a database of the target has functions of and this machine lacks: from the store, else fetched, and linked.
import { existsSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { claim } from '../adapters/claims.ts'
import { fileTrouble } from '../adapters/files.ts'
import { PginstallError } from '../model/errors.ts'
import { type ExtensionName, parseFullName, parseLibraryName } from '../model/names.ts'
import { unmetNeeds } from '../model/platform.ts'
import { checkBeforeNetwork, pinned } from '../model/policy.ts'
import { compareVersions } from '../model/version-order.ts'
import { type Place, waitsForRestart } from './install.ts'
import { linkDirectory, linkFile, readLink } from './links.ts'
import { linkModules } from './module-links.ts'
import { type Circumstances, Resolver } from './resolve.ts'
import type { PlacedArchive } from './store.ts'
import { keyOf } from './unknown-names.ts'

export type ModuleRequest = {
  /** Unique module name. */
  library: string
  /** That the database has recorded; undefined where it has not. */
  version: string | undefined
  /** shared_preload_libraries as the server was started with it. */
  preloaded: string[]
}

/**
 * A link that leads somewhere is replaced only where the database has recorded a newer version: the primary of a standby
 * was updated.
 * @throws PginstallError whatever Resolver.resolve and Store.take throw; undefined_file, disk_full, io_error
 */
export async function loadModule(
  { library, version, preloaded }: ModuleRequest,
  circumstances: Circumstances,
  place: Place,
): Promise<{ modulePath: string; version: string }> {
  const { module, fullName } = parseLibraryName(library)
  const name = { kind: 'full' as const, full: fullName, short: parseFullName(fullName).short }
  checkBeforeNetwork(name, undefined, circumstances.asker, circumstances.policy)
  const { directory, installation } = place.target
  const modulePath = linkDirectory(directory)
  const link = linkFile(modulePath, library)
  try {
    const found = existsSync(link) ? readLink(link) : undefined
    const linked = found !== undefined && claim(dirname(dirname(found.path))) ? found : undefined
    if (linked !== undefined && (version === undefined || compareVersions(linked.version, version) >= 0)) {
      return { modulePath, version: linked.version }
    }
    const archive =
      findPlaced(fullName, version, module, circumstances, place) ??
      (await fetch(name, version, module, circumstances, place))
    // One that leads nowhere, to a newer version perhaps, would stay.
    if (linked === undefined) rmSync(link, { force: true })
    const { pkglibdir } = installation
    const options = { directory, pkglibdir, work: place.store.work, preloaded, mayReplace: true, back: false }
    const { waiting } = await linkModules(archive, options, linked === undefined ? [module] : archive.manifest.modules)
    if (waiting.length > 0) throw waitsForRestart(archive, waiting, place.target)
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

/** Any role may call a function over and over: what could not be had a moment ago is not asked for again. */
function fetch(
  name: ExtensionName & { kind: 'full' },
  version: string | undefined,
  module: string,
  circumstances: Circumstances,
  { store, unknown }: Place,
): Promise<PlacedArchive> {
  const { now, notify, signal } = circumstances
  const key = keyOf(['module', module, name, version], circumstances)
  return unknown.resolve(key, now, async () => {
    const resolver = new Resolver(circumstances)
    const resolved = await (version === undefined ? resolver.resolve(name) : resolver.resolveAtLeast(name, version))
    const archive = await store.take(resolved, notify, signal)
    const { modules } = archive.manifest
    if (modules.includes(module)) return archive
    throw new PginstallError('undefined_file', `extension "${name.full}" has no module "${module}"`, {
      detail: `Its version ${archive.version} has: ${modules.join(', ') || 'none'}.`,
    })
  })
}
