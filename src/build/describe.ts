// The manifest of an archive: what its control file, its files and the installation it was built against say.
import { readFile } from 'node:fs/promises'
import { isBuiltinExtension } from '../model/builtin-extensions.ts'
import { PginstallError } from '../model/errors.ts'
import { builtinProvider, type Manifest, type Requirement } from '../model/manifest.ts'
import { wantsPreload } from '../model/module-traits.ts'
import { checkVersion } from '../model/names.ts'
import type { BuiltAgainst, Needs } from '../model/platform.ts'
import { updateSteps } from '../model/update-path.ts'
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
    updates: updateSteps(files, name),
    modules: modules.map(({ path }) => path.slice(name.length + 1, -'.so'.length)),
    preload: contents.some(wantsPreload),
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
