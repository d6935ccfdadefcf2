// The repositories that a sidecar may ask, one file each.
import { join } from 'node:path'
import { PginstallError } from '../model/errors.ts'
import { checkUri } from './repository-uri.ts'
import { lacking, locate, readConf, readRecord, replaceSetting } from './setting-files.ts'
import { checkRecordName, type Definition, parseValue, recordName } from './setting-kinds.ts'
import type { SettingSource } from './settings.ts'

const repositoryDefinitions = {
  uri: { kind: 'text', default: '', description: 'where the repository is' },
  key: { kind: 'keys', default: '', description: 'public keys that sign its index' },
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

export type RepositorySettingName = keyof typeof repositoryDefinitions

export const repositorySettingNames = Object.keys(repositoryDefinitions) as RepositorySettingName[]

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
    if (record.uri === '')
      throw lacking(file, 'there is no "uri"', `Set it with: pginstall config --repository ${name} uri URI`)
    if (record.key.length === 0 && !record.unsigned) {
      throw lacking(
        file,
        'there is no "key", and "unsigned" is not set',
        `The repository's "pginstall server status" shows its key. Set it with: pginstall config --repository ${name} key KEY`,
      )
    }
    const { uri, key: keys, unsigned, fallback, ca_file: caFile, proxy } = record
    return { name, uri, keys, unsigned, fallback, caFile, proxy }
  })
}

/** @throws PginstallError invalid_parameter_value */
export function repositorySettingName(text: string): RepositorySettingName {
  const name = text.toLowerCase().replaceAll('-', '_')
  if (Object.hasOwn(repositoryDefinitions, name)) return name as RepositorySettingName
  throw new PginstallError('invalid_parameter_value', `unrecognized repository setting: "${text}"`, {
    hint: `There are: ${repositorySettingNames.join(', ')}.`,
  })
}

export function describeRepositorySetting(name: RepositorySettingName): string {
  return repositoryDefinitions[name].description
}

/**
 * Raw values of all settings of one repository: of the last directory that has a file for it.
 * @throws PginstallError config_file_error, undefined_file
 */
export function readRepositorySources(
  directories: string[],
  repository: string,
): Record<RepositorySettingName, SettingSource> {
  const files = directories.map((directory) => fileOf(directory, repository))
  const file = files.findLast((candidate) => readConf(candidate).length > 0)
  if (file === undefined) {
    throw new PginstallError('undefined_file', `repository "${repository}" is not configured`, {
      detail: `There is no ${files.at(-1)}.`,
      hint: `Set it with: pginstall config --repository ${repository} uri URI`,
    })
  }
  const sources = Object.fromEntries(
    repositorySettingNames.map((name) => [name, { value: repositoryDefinitions[name].default }]),
  ) as Record<RepositorySettingName, SettingSource>
  for (const { name, value, line } of readConf(file)) {
    sources[locate(file, line, () => repositorySettingName(name))] = { value, file, line }
  }
  return sources
}

/** @throws PginstallError invalid_name, invalid_parameter_value; then nothing is written */
export async function writeRepositorySetting(
  directory: string,
  repository: string,
  key: string,
  value: string,
): Promise<void> {
  const name = repositorySettingName(key)
  const file = fileOf(directory, repository)
  parseValue(name, repositoryDefinitions[name].kind, value)
  if (name === 'uri' || name === 'unsigned') checkTogether(file, repository, name, value)
  await replaceSetting(file, name, value)
}

/** Which URI may be used depends on who answers for what is there. */
function checkTogether(file: string, name: string, changed: 'uri' | 'unsigned', value: string): void {
  const entries = readConf(file)
  const setTo = (other: 'uri' | 'unsigned') =>
    other === changed ? value : entries.findLast((entry) => entry.name.toLowerCase() === other)?.value
  const uri = setTo('uri')
  // The URI may be set last.
  if (uri === undefined) return
  const unsigned = parseValue('unsigned', 'boolean', setTo('unsigned') ?? 'no') === true
  checkUri({ name, uri, unsigned })
}

function fileOf(directory: string, repository: string): string {
  return join(directory, 'repositories', `${checkRecordName(repository)}.conf`)
}
