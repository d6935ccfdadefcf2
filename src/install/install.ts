// One CREATE EXTENSION: resolve, fetch, verify, stage, commit. What is placed is there for good; what fails leaves nothing.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileTrouble } from '../adapters/files.ts'
import type { PgConfig } from '../adapters/pg-config.ts'
import { PginstallError } from '../model/errors.ts'
import { builtinProvider } from '../model/manifest.ts'
import type { ExtensionName } from '../model/names.ts'
import { checkBeforeNetwork } from '../model/policy.ts'
import { canCreate } from '../model/update-path.ts'
import { compareVersions } from '../model/version-order.ts'
import { type ExtensionRoot, makeExtensionRoot, type RootedExtension } from './extension-root.ts'
import { type LinkedModule, linkDirectory } from './links.ts'
import { linkModules } from './module-links.ts'
import { adviseOnPreload } from './preload-advice.ts'
import { type Circumstances, checkProviders, type Present, type Resolved, Resolver } from './resolve.ts'
import type { Store, StoredArchive } from './store.ts'
import { checkTsearchFiles } from './tsearch-check.ts'
import { keyOf, type UnknownNames } from './unknown-names.ts'
import { joinScripts } from './update-scripts.ts'

export type InstallRequest = {
  name: ExtensionName
  /** Without: the newest. */
  version: string | undefined
  /** Whether what it requires may be created too. */
  cascade: boolean
  /** Of an update: the version that the database has, and whether it may go back. */
  update: { from: string; downgrade: boolean } | undefined
  /** The extensions that the database has. */
  installed: Present[]
  /** shared_preload_libraries as the server was started with it. */
  preloaded: string[]
}

/** The cluster that is served. */
export type Target = {
  name: string
  /** Where its extension roots and module links are. */
  directory: string
  installation: PgConfig
}

/** Where things are placed, and what is remembered between requests. */
export type Place = { store: Store; target: Target; unknown: UnknownNames }

export type Installation = ExtensionRoot & {
  /** The directory that must be in dynamic_library_path. */
  modulePath: string
  /** The one asked for first. */
  extensions: RootedExtension[]
}

/** @throws PginstallError whatever Resolver.resolve, Store.take and makeExtensionRoot throw; disk_full, io_error */
export async function install(
  request: InstallRequest,
  circumstances: Circumstances,
  place: Place,
): Promise<Installation> {
  try {
    return await resolveAndPlace(request, circumstances, place)
  } catch (cause) {
    throw fileTrouble(`place extension "${request.name.short}"`, cause)
  } finally {
    await Promise.allSettled(circumstances.repositories.map((repository) => repository.indexKept()))
  }
}

async function resolveAndPlace(
  request: InstallRequest,
  circumstances: Circumstances,
  place: Place,
): Promise<Installation> {
  const { asker, policy, server, notify } = circumstances
  const { store, target, unknown } = place
  checkBeforeNetwork(request.name, request.version, asker, policy)
  if (!store.has(request.name, server)) {
    notify(
      `extension "${request.name.kind === 'full' ? request.name.full : request.name.short}" is not locally available`,
    )
  }
  const resolver = new Resolver(circumstances)
  const asked = await resolveKnown(request, circumstances, resolver, unknown)
  // Whether one that was never released by itself is there at all, only the scripts tell.
  if (asked.missing === undefined) checkDirection(asked, request)
  if (!request.cascade) checkProviders(asked, request.installed)
  const required = request.cascade ? await resolver.resolveRequired(asked, request.installed) : []
  const extensions = [await placeAsked(asked, resolver, request, circumstances, place)]
  for (const resolved of required) extensions.push(await placeRequired(resolved, request, circumstances, place))
  const builtin = extensions
    .flatMap(({ archive }) => archive.manifest.requires)
    .filter(({ provider }) => provider === builtinProvider)
    .map(({ name }) => name)
  const roots = join(target.directory, 'roots')
  mkdirSync(roots, { recursive: true, mode: 0o755 })
  const root = await makeExtensionRoot(extensions, [...new Set(builtin)], {
    directory: roots,
    work: store.work,
    installation: target.installation,
  })
  return { ...root, modulePath: linkDirectory(target.directory), extensions }
}

/** The extension asked for, with the scripts that lead to it; its modules are linked once those are sure to be there. */
async function placeAsked(
  asked: Resolved,
  resolver: Resolver,
  request: InstallRequest,
  circumstances: Circumstances,
  place: Place,
): Promise<RootedExtension> {
  const { notify, signal } = circumstances
  const archive = await place.store.take(asked, notify, signal)
  const { manifest, name, sqlVersion, missing } = archive
  if (missing !== undefined && request.update === undefined && !canCreate(manifest.files, name, sqlVersion))
    throw missing
  if (canCreate(manifest.files, name, sqlVersion)) checkDirection(archive, request)
  const joined =
    request.update === undefined
      ? []
      : await joinScripts(
          archive,
          request.update.from,
          () => resolver.resolveOthers(asked),
          (other) => place.store.take(other, notify, signal),
        )
  checkDirection(archive, request)
  return placeModules(archive, joined, request, circumstances, place)
}

async function placeRequired(
  resolved: Resolved,
  request: InstallRequest,
  circumstances: Circumstances,
  place: Place,
): Promise<RootedExtension> {
  const archive = await place.store.take(resolved, circumstances.notify, circumstances.signal)
  return placeModules(archive, [], request, circumstances, place)
}

async function placeModules(
  archive: StoredArchive,
  joined: StoredArchive[],
  { update, preloaded }: InstallRequest,
  { asker, warn }: Circumstances,
  { store, target }: Place,
): Promise<RootedExtension> {
  const options = {
    directory: target.directory,
    pkglibdir: target.installation.pkglibdir,
    work: store.work,
    preloaded,
    mayReplace: asker.superuser || archive.trusted,
    back: update?.downgrade === true && update.from === archive.version && archive.version === archive.sqlVersion,
  }
  const remarks = checkTsearchFiles(archive, target.installation, target.name)
  const { names, waiting } = await linkModules(archive, options)
  if (waiting.length > 0) throw waitsForRestart(archive, waiting, target)
  for (const other of joined) {
    // Scripts of a step may want modules that are named by that step's version.
    const more = other.manifest.modules.filter((module) => !Object.hasOwn(names, module))
    Object.assign(names, (await linkModules(other, { ...options, back: false }, more)).names)
  }
  for (const warning of [...remarks, ...adviseOnPreload(archive, options, target.name)]) warn(warning)
  return { archive, joined, modules: names }
}

/**
 * PostgreSQL's own word for going back is an update, too; by accident it must not happen.
 * @throws PginstallError object_not_in_prerequisite_state
 */
function checkDirection(
  { name, sqlVersion: version }: Pick<Resolved, 'name' | 'sqlVersion'>,
  { update }: InstallRequest,
): void {
  if (update === undefined || update.downgrade || compareVersions(version, update.from) >= 0) return
  throw new PginstallError(
    'object_not_in_prerequisite_state',
    `version "${version}" of extension "${name}" is older than "${update.from}", which is installed`,
    {
      detail:
        'Going back may lose what only the newer version can hold, and needs a script of its author that leads there.',
      hint: `If it is meant, type: pginstall update --force ${name}=${version}, or in SQL, as a superuser: SET pginstall.downgrade = on`,
    },
  )
}

export function waitsForRestart(
  { name, version }: Pick<StoredArchive, 'name' | 'version'>,
  preloaded: LinkedModule[],
  target: Target,
): PginstallError {
  const running = preloaded.map((one) => `version ${one.version} of its module "${one.module}"`).join(', ')
  return new PginstallError(
    'object_not_in_prerequisite_state',
    `version "${version}" of extension "${name}" waits for a restart of the server`,
    {
      detail: `The server has preloaded ${running}, and a second one beside it would not load. The new one is in the store.`,
      hint: `Stop the server, type "pginstall preload switch --target ${target.name}" on its machine, start it, and repeat the statement.`,
    },
  )
}

async function resolveKnown(
  { name, version }: InstallRequest,
  circumstances: Circumstances,
  resolver: Resolver,
  unknown: UnknownNames,
): Promise<Resolved> {
  const key = keyOf([name, version], circumstances)
  return unknown.resolve(key, circumstances.now, () => resolver.resolve(name, version), ['undefined_extension'])
}
