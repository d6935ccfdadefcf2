// The manifest of an archive: what its control file, its files and the installation it was built against say.
import { readFile } from 'node:fs/promises'
import { isBuiltinExtension } from '../model/builtin-extensions.ts'
import { PginstallError } from '../model/errors.ts'
import { builtinProvider, type Manifest, type Requirement } from '../model/manifest.ts'
import { checkVersion } from '../model/names.ts'
import type { BuiltAgainst, Needs } from '../model/platform.ts'
import type { ArchivePlan } from './layout.ts'

export type Facts = {
  sourceRevision: string
  builtAgainst: BuiltAgainst
  os: string
  /** Null when the archive has no module. */
  needs: Needs | null
  /** Short name to full name, of required extensions that do not come with PostgreSQL. */
  requires: Record<string, string>
}

/**
 * Whether a module wants to be preloaded stands in the module itself: it names the setting in a message ("must be loaded
 * via shared_preload_libraries"), or calls what has an effect in the postmaster only. The server's variable
 * process_shared_preload_libraries_in_progress alone says nothing: many only ask.
 */
const wantsPreload = /(?<!process_)shared_preload_libraries|\0(?:RegisterBackgroundWorker|RequestAddinShmemSpace)\0/

/** @throws PginstallError build_failed, invalid_name */
export async function describeArchive(plan: ArchivePlan, facts: Facts): Promise<Manifest> {
  const { fullName, name, control, files } = plan
  if (control.defaultVersion === undefined) {
    throw new PginstallError('build_failed', `control file "${name}.control" has no default_version`)
  }
  const modules = files.filter(({ kind }) => kind === 'module')
  const contents = await Promise.all(modules.map(({ source }) => readFile(source, 'latin1')))
  const bound = modules.length > 0
  return {
    manifest: 1,
    full_name: fullName,
    name,
    version: checkVersion(control.defaultVersion),
    // What an index may not hold: one comment must not spoil what databases and terminals show of all.
    description: (control.comment ?? '').replace(/[\p{Cc}\p{Cs}]/gu, ' '),
    source_revision: facts.sourceRevision,
    postgresql: bound ? facts.builtAgainst : null,
    os: bound ? facts.os : null,
    needs: bound ? facts.needs : null,
    requires: control.requires.map((required) => findProvider(required, facts.requires, name)),
    updates: files.flatMap(({ path }) => updateOf(path, name)),
    modules: modules.map(({ path }) => path.slice(name.length + 1, -'.so'.length)),
    preload: contents.some((text) => wantsPreload.test(text)),
    files: files.map(({ path, kind, size, sha256 }) => ({ path, kind, size, sha256 })),
  }
}

function findProvider(required: string, requires: Record<string, string>, name: string): Requirement {
  const provider =
    (Object.hasOwn(requires, required) ? requires[required] : undefined) ??
    (isBuiltinExtension(required) ? builtinProvider : undefined)
  if (provider !== undefined) return { name: required, provider }
  throw new PginstallError('build_failed', `extension "${name}" requires "${required}", whose provider is not known`, {
    detail: 'The archive says which provider a required extension comes from, so that nobody else can take its place.',
    hint: `Say it with --requires ${required}=FULL_NAME.`,
  })
}

/** `name/name--1.0--1.1.sql` */
function updateOf(path: string, name: string): [from: string, to: string][] {
  const prefix = `${name}/${name}--`
  if (!path.startsWith(prefix) || !path.endsWith('.sql')) return []
  const [from, to, ...more] = path.slice(prefix.length, -'.sql'.length).split('--')
  return from === undefined || to === undefined || more.length > 0 ? [] : [[from, to]]
}
