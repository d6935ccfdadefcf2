// The repositories that a sidecar may ask, one file each.
import { join } from 'node:path'
import { PginstallError } from '../model/errors.ts'
import { lacking, readConf, readRecord, recordName, replaceSetting } from './setting-files.ts'
import { type Definition, parseValue } from './setting-kinds.ts'

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
