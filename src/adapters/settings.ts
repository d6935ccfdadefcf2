// Settings: plain text files in postgresql.conf's own syntax, system-wide and per user. One table says what there is.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { formatConfValue, parseConfFile } from '../model/conf-file.ts'
import { describeCause, PginstallError } from '../model/errors.ts'
import { checkPattern } from '../model/names.ts'

/** Kinds of values: text, whole numbers, sizes in bytes ('1GB'), times in milliseconds ('10s'), comma-separated lists. */
type Kind = 'text' | 'integer' | 'bytes' | 'milliseconds' | 'boolean' | 'list' | 'patterns'

type Definition = { kind: Kind; default: string; description: string }

const definitions = {
  // Everyone
  pg_config: {
    kind: 'text',
    default: 'pg_config',
    description: 'pg_config of the PostgreSQL installation to work with',
  },
  user: {
    kind: 'text',
    default: 'pginstall',
    description: 'OS user that server and sidecar become when started as root',
  },
  // Repository server
  server_directory: {
    kind: 'text',
    default: '/var/lib/pginstall/server',
    description: "repository server's data directory",
  },
  dburi: {
    kind: 'text',
    default: '',
    description: "repository's database; empty for a private cluster in server_directory",
  },
  listen_address: { kind: 'text', default: '127.0.0.1', description: 'address that the repository server listens on' },
  listen_port: {
    kind: 'integer',
    default: '8042',
    description: 'port that the repository server listens on; 0 for a free one',
  },
  server_uri: {
    kind: 'text',
    default: '',
    description: 'public URI of the repository server; empty for address and port',
  },
  archive_path: {
    kind: 'text',
    default: '',
    description: 'where the repository server keeps archives; empty for server_directory/archives',
  },
  max_archive_size: { kind: 'bytes', default: '1GB', description: 'largest archive that is taken' },
  admin_token_file: {
    kind: 'text',
    default: '',
    description: 'file with the token for changes; empty for server_directory/admin-token',
  },
  // Build system
  build_root: { kind: 'text', default: '', description: 'where sources are built; empty for the temporary directory' },
  build_user: { kind: 'text', default: 'nobody', description: 'OS user that builds run as when started as root' },
  gmake: { kind: 'text', default: 'make', description: 'GNU make' },
  // Sidecar
  target: { kind: 'text', default: 'main', description: 'name of the cluster that the sidecar serves' },
  socket: { kind: 'text', default: '/run/pginstall/main.sock', description: 'socket that the sidecar listens on' },
  directory: {
    kind: 'text',
    default: '/var/lib/pginstall',
    description: 'where the sidecar keeps store, extension roots and module links',
  },
  data_directory: {
    kind: 'text',
    default: '',
    description: 'data directory of that cluster, for "pginstall setup"; empty for the one that it finds',
  },
  server_user: {
    kind: 'text',
    default: 'postgres',
    description: 'OS user of the PostgreSQL server that the sidecar serves',
  },
  repositories: { kind: 'list', default: '', description: 'names of the repositories, in the order they are asked' },
  allow: { kind: 'patterns', default: '**', description: 'full names that may be installed' },
  deny: { kind: 'patterns', default: '', description: 'full names that may not, whatever allow says' },
  connect_timeout: {
    kind: 'milliseconds',
    default: '10s',
    description: 'longest wait for a connection to a repository',
  },
  stall_timeout: {
    kind: 'milliseconds',
    default: '30s',
    description: 'longest silence of a repository during a transfer',
  },
} as const satisfies Record<string, Definition>

export type SettingName = keyof typeof definitions
type ValueOf<K extends Kind> = K extends 'integer' | 'bytes' | 'milliseconds'
  ? number
  : K extends 'boolean'
    ? boolean
    : K extends 'list' | 'patterns'
      ? string[]
      : string
export type Settings = { [N in SettingName]: ValueOf<(typeof definitions)[N]['kind']> }

const repositoryDefinitions = {
  uri: { kind: 'text', default: '', description: 'where the repository is' },
  key: { kind: 'list', default: '', description: 'public keys that sign its index' },
  unsigned: { kind: 'boolean', default: 'no', description: 'take an index that nobody signed; on loopback only' },
  fallback: {
    kind: 'boolean',
    default: 'no',
    description: 'let the next repository answer while this one cannot be reached and its last index has expired',
  },
  ca_file: { kind: 'text', default: '', description: "PEM file of authorities to trust; empty for the system's" },
  proxy: {
    kind: 'text',
    default: '',
    description: 'URI of the proxy to ask it through; "none" for none, empty for what the environment says',
  },
} as const satisfies Record<string, Definition>

/** A repository as repositories/NAME.conf sets it. */
export type RepositorySettings = {
  name: string
  uri: string
  keys: string[]
  unsigned: boolean
  fallback: boolean
  /** Empty for the system's. */
  caFile: string
  /** Empty for what the environment says. */
  proxy: string
}

const grantDefinitions = {
  role: { kind: 'text', default: '', description: 'the role, exactly' },
  extensions: { kind: 'patterns', default: '', description: 'full names that the role may install' },
  trusted: { kind: 'boolean', default: 'no', description: 'whether they are trusted extensions for the role' },
} as const satisfies Record<string, Definition>

/** What a role that is no superuser may install, as grants/ANY.conf sets it. */
export type Grant = { role: string; extensions: string[]; trusted: boolean }

/** Where a setting's value came from: a file and line, or nothing for the default. */
export type SettingSource = { value: string; file?: string; line?: number }

const mainFile = 'pginstall.conf'
const recordName = /^[A-Za-z0-9][A-Za-z0-9._-]*$/
/** What else stands in `directory`, where each target has a folder of its name. */
const foldersOfDirectory = new Set(['store', 'files', 'incoming', 'repositories', 'server'])

/** `listen-port` and `Listen_Port` are listen_port, as on postgres's command line. */
export function settingName(text: string): SettingName {
  const name = text.toLowerCase().replaceAll('-', '_')
  if (Object.hasOwn(definitions, name)) return name as SettingName
  throw new PginstallError('invalid_parameter_value', `unrecognized setting: "${text}"`, {
    hint: '"pginstall config" lists all settings.',
  })
}

export function describeSetting(name: SettingName): string {
  return definitions[name].description
}

/** The directory of one target's own settings. @throws PginstallError invalid_name */
export function targetDirectory(directory: string, target: string): string {
  if (!recordName.test(target) || foldersOfDirectory.has(target)) {
    throw new PginstallError('invalid_name', `invalid target name: "${target}"`, {
      detail: `A target's name has letters, digits and characters of "._-", begins with a letter or digit, and is none of ${[...foldersOfDirectory].join(', ')}.`,
    })
  }
  return join(directory, 'targets', target)
}

/**
 * Settings directories with those of one target over them, so that the target's settings win and its grants are added.
 * @throws PginstallError invalid_name, undefined_file when no directory has such a target
 */
export function withTarget(directories: string[], target: string): string[] {
  const own = directories.map((directory) => targetDirectory(directory, target))
  if (own.every((directory) => readConf(join(directory, mainFile)).length === 0)) {
    throw new PginstallError('undefined_file', `target "${target}" is not configured`, {
      detail: `There is no ${join(own[0] as string, mainFile)}.`,
      hint: `Make it with: pginstall setup --target ${target} --pg-config PATH`,
    })
  }
  return [...directories, ...own]
}

/** Names of the targets that have settings in one of the directories. */
export function listTargets(directories: string[]): string[] {
  const found = directories.flatMap((directory) => {
    const folder = join(directory, 'targets')
    return listIfThere(folder).filter((name) => recordName.test(name) && existsSync(join(folder, name, mainFile)))
  })
  return [...new Set(found)].sort()
}

/** Raw values of all settings; directories later in the list win. */
export function readSettingSources(directories: string[]): Record<SettingName, SettingSource> {
  const names = Object.keys(definitions) as SettingName[]
  const sources = Object.fromEntries(names.map((name) => [name, { value: definitions[name].default }])) as Record<
    SettingName,
    SettingSource
  >
  for (const directory of directories) {
    const file = join(directory, mainFile)
    for (const { name, value, line } of readConf(file)) {
      const known = locate(file, line, () => settingName(name))
      locate(file, line, () => parseValue(known, definitions[known].kind, value))
      sources[known] = { value, file, line }
    }
  }
  return sources
}

/** @throws PginstallError config_file_error, naming file and line */
export function readSettings(directories: string[]): Settings {
  const sources = readSettingSources(directories)
  const names = Object.keys(definitions) as SettingName[]
  return Object.fromEntries(
    names.map((name) => [name, parseValue(name, definitions[name].kind, sources[name].value)]),
  ) as Settings
}

/**
 * The repositories of setting `repositories`, in its order.
 * @throws PginstallError config_file_error, undefined_file
 */
export function readRepositories(directories: string[], order: string[]): RepositorySettings[] {
  return order.map((name) => {
    const files = directories.map((directory) => join(directory, 'repositories', `${name}.conf`))
    const file = files.findLast((candidate) => readConf(candidate).length > 0)
    if (!recordName.test(name) || file === undefined) {
      throw new PginstallError('undefined_file', `repository "${name}" is not configured`, {
        detail: `Setting "repositories" names it, but there is no ${files.at(-1)}.`,
        hint: `Set it with: pginstall config --repository ${name} uri URI`,
      })
    }
    const record = readRecord(file, repositoryDefinitions)
    if (record.uri === '') throw broken(file, 1, 'there is no "uri"')
    if (record.key.length === 0 && !record.unsigned) {
      throw broken(
        file,
        1,
        'there is no "key", and "unsigned" is not set',
        'The repository\'s "pginstall server status" shows its key.',
      )
    }
    const { uri, key: keys, unsigned, fallback, ca_file: caFile, proxy } = record
    return { name, uri, keys, unsigned, fallback, caFile, proxy }
  })
}

/** All grants; a later directory adds to an earlier one. */
export function readGrants(directories: string[]): Grant[] {
  return directories.flatMap((directory) => {
    const folder = join(directory, 'grants')
    return listConf(folder).map((file) => {
      const { role, extensions, trusted } = readRecord(join(folder, file), grantDefinitions)
      if (role === '') throw broken(join(folder, file), 1, 'there is no "role"')
      return { role, extensions, trusted }
    })
  })
}

/** Sets one value in one directory's file, keeping every other line as it is. Replaces the file in one step. */
export async function writeSetting(directory: string, name: SettingName, value: string): Promise<void> {
  parseValue(name, definitions[name].kind, value)
  await replaceSetting(join(directory, mainFile), name, value)
}

export async function writeRepositorySetting(
  directory: string,
  repository: string,
  key: string,
  value: string,
): Promise<void> {
  if (!recordName.test(repository)) {
    throw new PginstallError('invalid_name', `invalid repository name: "${repository}"`, {
      detail: 'A repository name has letters, digits and characters of "._-", and begins with a letter or digit.',
    })
  }
  const name = key.toLowerCase().replaceAll('-', '_')
  if (!Object.hasOwn(repositoryDefinitions, name)) {
    throw new PginstallError('invalid_parameter_value', `unrecognized repository setting: "${key}"`, {
      hint: `There are: ${Object.keys(repositoryDefinitions).join(', ')}.`,
    })
  }
  parseValue(name, repositoryDefinitions[name as keyof typeof repositoryDefinitions].kind, value)
  await replaceSetting(join(directory, 'repositories', `${repository}.conf`), name, value)
}

async function replaceSetting(file: string, name: string, value: string): Promise<void> {
  const text = readIfThere(file)
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n')
  const wanted = `${name} = ${formatConfValue(value)}`
  const set = parseConfFile(text, file).findLast((entry) => entry.name.toLowerCase() === name)
  if (set === undefined) lines.push(wanted)
  else lines[set.line - 1] = wanted
  await mkdir(dirname(file), { recursive: true })
  const fresh = `${file}.${process.pid}.new`
  await writeFile(fresh, lines.join('\n') + '\n')
  await rename(fresh, file)
}

function readRecord<D extends Record<string, Definition>>(
  file: string,
  table: D,
): { [N in keyof D]: ValueOf<D[N]['kind']> } {
  const record: Record<string, unknown> = {}
  for (const [name, { kind, default: value }] of Object.entries(table)) record[name] = parseValue(name, kind, value)
  for (const { name, value, line } of readConf(file)) {
    const definition = table[name.toLowerCase()]
    if (definition === undefined || !Object.hasOwn(table, name.toLowerCase()))
      throw broken(file, line, `unrecognized setting "${name}"`)
    record[name.toLowerCase()] = locate(file, line, () => parseValue(name, definition.kind, value))
  }
  return record as { [N in keyof D]: ValueOf<D[N]['kind']> }
}

function parseValue(name: string, kind: Kind, value: string): string | number | boolean | string[] {
  switch (kind) {
    case 'text':
      return value
    case 'integer':
      return parseNumber(name, value, { '': 1 })
    case 'bytes':
      return parseNumber(name, value, { '': 1, b: 1, kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30, tb: 2 ** 40 })
    case 'milliseconds':
      return parseNumber(name, value, { '': 1, ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 })
    case 'boolean':
      return parseBoolean(name, value)
    case 'list':
      return splitList(value)
    case 'patterns':
      return splitList(value).map(checkPattern)
  }
}

function parseNumber(name: string, text: string, units: Record<string, number>): number {
  const match = /^\s*([0-9]{1,15})\s*([A-Za-z]*)\s*$/.exec(text)
  const unit = match?.[2]?.toLowerCase() ?? '?'
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined
  if (match === null || factor === undefined) {
    const valid = Object.keys(units).filter((unit) => unit !== '')
    throw new PginstallError('invalid_parameter_value', `invalid value for "${name}": "${text}"`, {
      hint:
        valid.length === 0
          ? 'A whole number is expected.'
          : `A whole number with a unit is expected: ${valid.join(', ')}.`,
    })
  }
  return Number(match[1]) * factor
}

function parseBoolean(name: string, text: string): boolean {
  if (['on', 'true', 'yes', '1'].includes(text.toLowerCase())) return true
  if (['off', 'false', 'no', '0'].includes(text.toLowerCase())) return false
  throw new PginstallError('invalid_parameter_value', `invalid value for "${name}": "${text}"`, {
    hint: 'It is yes or no.',
  })
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

function readConf(file: string): { name: string; value: string; line: number }[] {
  return parseConfFile(readIfThere(file), file)
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return ''
    throw new PginstallError('config_file_error', `could not read "${file}": ${describeCause(cause)}`, { cause })
  }
}

function listConf(folder: string): string[] {
  return listIfThere(folder)
    .filter((file) => file.endsWith('.conf') && recordName.test(basename(file)))
    .sort()
}

function listIfThere(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return []
    throw new PginstallError('config_file_error', `could not read "${folder}": ${describeCause(cause)}`, { cause })
  }
}

function locate<T>(file: string, line: number, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof PginstallError)) throw cause
    throw broken(file, line, cause.message, cause.hint)
  }
}

function broken(file: string, line: number, reason: string, hint?: string): PginstallError {
  return new PginstallError(
    'config_file_error',
    `configuration file "${file}" contains an error in line ${line}: ${reason}`,
    hint === undefined ? {} : { hint },
  )
}
