// One CREATE EXTENSION: resolve, fetch, verify, stage, commit. What is placed is there for good; what fails leaves nothing.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileTrouble } from '../adapters/files.ts'
import type { PgConfig } from '../adapters/pg-config.ts'
import { PginstallError } from '../model/errors.ts'
import { builtinProvider } from '../model/manifest.ts'
import type { ExtensionName } from '../model/names.ts'
import { checkBeforeNetwork } from '../model/policy.ts'
import { type ExtensionRoot, makeExtensionRoot, type RootedExtension } from './extension-root.ts'
import { linkModules } from './module-links.ts'
import { type Circumstances, type Resolved, Resolver } from './resolve.ts'
import type { Store } from './store.ts'
import type { UnknownNames } from './unknown-names.ts'

export type InstallRequest = {
  name: ExtensionName
  /** Without: the newest. */
  version: string | undefined
  /** Whether what it requires may be created too. */
  cascade: boolean
  /** Short names of the extensions that the database has. */
  installed: string[]
}

/** The cluster that is served. */
export type Target = {
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

/** Where a target keeps its module links. */
export function modulePathOf(target: Target): string {
  return join(target.directory, 'lib')
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
  }
}

async function resolveAndPlace(
  request: InstallRequest,
  circumstances: Circumstances,
  { store, target, unknown }: Place,
): Promise<Installation> {
  const { asker, policy, server, notify, signal } = circumstances
  checkBeforeNetwork(request.name, request.version, asker, policy)
  if (!store.has(request.name, server)) {
    notify(
      `extension "${request.name.kind === 'full' ? request.name.full : request.name.short}" is not locally available`,
    )
  }
  const resolver = new Resolver(circumstances)
  const asked = await resolveKnown(request, circumstances, resolver, unknown)
  const isInstalled = (name: string) => request.installed.includes(name)
  const required = request.cascade ? await resolver.resolveRequired(asked, isInstalled) : []
  const extensions: RootedExtension[] = []
  for (const resolved of [asked, ...required]) {
    const archive = await store.take(resolved, notify, signal)
    const mayReplace = asker.superuser || resolved.trusted
    const modules = await linkModules(archive, { directory: modulePathOf(target), work: store.work, mayReplace })
    extensions.push({ archive, modules })
  }
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
  return { ...root, modulePath: modulePathOf(target), extensions }
}

async function resolveKnown(
  { name, version }: InstallRequest,
  { repositories, now }: Circumstances,
  resolver: Resolver,
  unknown: UnknownNames,
): Promise<Resolved> {
  const key = JSON.stringify([name, version, repositories.map(({ uri }) => uri)])
  const before = unknown.recall(key, now)
  if (before !== undefined) throw before
  try {
    return await resolver.resolve(name, version)
  } catch (cause) {
    if (cause instanceof PginstallError && cause.is('undefined_extension')) unknown.remember(key, cause, now)
    throw cause
  }
}
