// The manifest: what an archive holds. The schema checks shapes; checkManifest what a schema cannot say.
import schema from '../../protocol/manifest.schema.json' with { type: 'json' }
import { type ControlFile, isAuxiliaryControlOf } from './control-file.ts'
import { PginstallError } from './errors.ts'
import { checkModuleName, checkVersion, parseExtensionName, parseFullName, uniqueModuleName } from './names.ts'
import type { BuiltAgainst, Needs } from './platform.ts'
import { parseJson, schemaParser } from './schema.ts'

export type FileKind = 'control' | 'auxiliary_control' | 'script' | 'module' | 'doc' | 'data'

export type ManifestFile = {
  /** Path in the archive: `prefix.control`, or below `prefix/`. */
  path: string
  kind: FileKind
  /** Bytes. */
  size: number
  /** Hex. */
  sha256: string
}

/** A required extension and who provides it: a full name, or `builtin` for what comes with PostgreSQL. */
export type Requirement = { name: string; provider: string }

export const builtinProvider = 'builtin'

export type Manifest = {
  manifest: 1
  full_name: string
  name: string
  version: string
  description: string
  source_revision: string
  /** Null for an SQL-only archive. */
  postgresql: BuiltAgainst | null
  os: string | null
  needs: Needs | null
  requires: Requirement[]
  updates: [from: string, to: string][]
  modules: string[]
  preload: boolean
  files: ManifestFile[]
}

/** The manifest's place in every archive. */
export const manifestPath = 'manifest.json'

const parseShape = schemaParser<Manifest>(schema, 'manifest')

/**
 * Reads manifest.json.
 * @throws PginstallError syntax_error, invalid_name, name_too_long
 */
export function parseManifest(text: string): Manifest {
  const manifest = parseShape(parseJson(text, 'manifest'))
  checkManifest(manifest)
  return manifest
}

/** The bytes of manifest.json: one object, members and lists in a fixed order, so that equal inputs give equal bytes. */
export function writeManifest(manifest: Manifest): string {
  checkManifest(manifest)
  const ordered: Manifest = {
    manifest: 1,
    full_name: manifest.full_name,
    name: manifest.name,
    version: manifest.version,
    description: manifest.description,
    source_revision: manifest.source_revision,
    postgresql: manifest.postgresql && {
      version_num: manifest.postgresql.version_num,
      abi_extra: manifest.postgresql.abi_extra,
      block_size: manifest.postgresql.block_size,
      wal_block_size: manifest.postgresql.wal_block_size,
      assertions: manifest.postgresql.assertions,
    },
    os: manifest.os,
    needs: manifest.needs && {
      architecture: manifest.needs.architecture,
      cpu_level: manifest.needs.cpu_level,
      libc: manifest.needs.libc,
      libraries: manifest.needs.libraries
        .map(({ soname, versions, ...rest }) => ({ soname, versions: versions.toSorted(), ...rest }))
        .toSorted((a, b) => compare(a.soname, b.soname)),
    },
    requires: manifest.requires.map(({ name, provider }) => ({ name, provider })),
    updates: manifest.updates.toSorted((a, b) => compare(a.join('--'), b.join('--'))),
    modules: manifest.modules.toSorted(),
    preload: manifest.preload,
    files: manifest.files
      .map(({ path, kind, size, sha256 }) => ({ path, kind, size, sha256 }))
      .toSorted((a, b) => compare(a.path, b.path)),
  }
  return JSON.stringify(ordered, null, 2) + '\n'
}

/** Whether the parsed main control file says what the manifest says of it. */
export function checkControlAgainstManifest(control: ControlFile, manifest: Manifest): void {
  const version = control.defaultVersion
  if (version !== manifest.version) {
    throw lie(`its control file has default_version "${version ?? ''}", the manifest "${manifest.version}"`)
  }
  const required = control.requires.join(', ')
  const claimed = manifest.requires.map(({ name }) => name).join(', ')
  if (required !== claimed) throw lie(`its control file requires "${required}", the manifest "${claimed}"`)
}

function checkManifest(manifest: Manifest): void {
  const { short } = parseFullName(manifest.full_name)
  if (short !== manifest.name) throw lie(`its full name ends in "${short}", its short name is "${manifest.name}"`)
  checkVersion(manifest.version)
  for (const [from, to] of manifest.updates) {
    checkVersion(from)
    checkVersion(to)
  }
  for (const requirement of manifest.requires) checkRequirement(requirement)
  for (const module of manifest.modules) uniqueModuleName(checkModuleName(module), manifest.full_name)
  const bound = manifest.modules.length > 0
  for (const member of ['postgresql', 'os', 'needs'] as const) {
    if (bound && manifest[member] === null) throw lie(`it has modules but "${member}" is null`)
    if (!bound && manifest[member] !== null) throw lie(`it has no module but "${member}" is not null`)
  }
  checkFiles(manifest)
}

/** @throws PginstallError verification_failed, invalid_name, name_too_long */
export function checkRequirement({ name, provider }: Requirement): void {
  if (parseExtensionName(name).kind !== 'short')
    throw lie(`"requires" has a full name where a short one is expected: "${name}"`)
  if (provider === builtinProvider) return
  if (parseFullName(provider).short !== name) throw lie(`the provider "${provider}" is not one of "${name}"`)
}

function checkFiles(manifest: Manifest): void {
  const { name, files } = manifest
  const seen = new Set<string>()
  for (const { path, kind } of files) {
    checkFilePath(path)
    // Equal but for case or Unicode form would be one file on some file systems.
    const folded = path.normalize('NFKC').toLowerCase()
    if (seen.has(folded)) throw lie(`it names the file "${path}" twice, or another that differs only in case`)
    seen.add(folded)
    checkPlace(name, path, kind)
  }
  if (!files.some(({ kind }) => kind === 'control')) throw lie('it has no control file')
  const modules = files
    .filter(({ kind }) => kind === 'module')
    .map(({ path }) => path.slice(name.length + 1, -'.so'.length))
  if (modules.toSorted().join() !== manifest.modules.toSorted().join())
    throw lie('its list of modules is not that of its files')
}

/** One relative path, of names that no shell, terminal or file system takes for anything else. */
function checkFilePath(path: string): void {
  const sound = path
    .split('/')
    .every(
      (part) => /^[A-Za-z0-9_.,+@=~%^ -]{1,200}$/.test(part) && part !== '.' && part !== '..' && !part.startsWith(' '),
    )
  if (!sound) throw lie(`it names a file that it must not: ${JSON.stringify(path)}`)
}

function checkPlace(name: string, path: string, kind: FileKind): void {
  const inside = path.startsWith(`${name}/`) ? path.slice(name.length + 1) : undefined
  const flat = inside !== undefined && !inside.includes('/')
  const right = {
    control: path === `${name}.control`,
    auxiliary_control: flat && isAuxiliaryControlOf(name, inside),
    script: flat && inside.endsWith('.sql'),
    module: flat && inside.endsWith('.so'),
    doc: inside?.startsWith('doc/') ?? false,
    data: inside !== undefined && !/\.(so|control)$/.test(inside),
  }[kind]
  if (!right) throw lie(`the file "${path}" is not where a file of kind "${kind}" belongs`)
}

function lie(fault: string): PginstallError {
  return new PginstallError('verification_failed', `manifest does not hold: ${fault}`)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
