// Local policy as it stands in files, each rule with the place where it can be changed.
import { join } from 'node:path'
import type { Grant, Policy, Rule } from '../model/policy.ts'
import { lacking, listConf, readRecord } from './setting-files.ts'
import type { Definition } from './setting-kinds.ts'
import { readSettingSources, readSettings, type SettingSource } from './settings.ts'

const grantDefinitions = {
  role: { kind: 'text', default: '', description: 'the role, exactly' },
  extensions: { kind: 'patterns', default: '', description: 'full names that the role may install' },
  trusted: { kind: 'boolean', default: 'no', description: 'whether they are trusted extensions for the role' },
} as const satisfies Record<string, Definition>

/** @throws PginstallError config_file_error */
export function readPolicy(directories: string[]): Policy {
  const { allow, deny, pins } = readSettings(directories)
  const sources = readSettingSources(directories)
  const rule = <T>(list: T[], { file, line }: SettingSource): Rule<T> => ({
    list,
    place: file === undefined ? 'which no file sets' : `line ${line} of "${file}"`,
  })
  return {
    allow: rule(allow, sources.allow),
    deny: rule(deny, sources.deny),
    pins: rule(pins, sources.pins),
    grants: {
      list: readGrants(directories),
      place: directories.map((directory) => `"${join(directory, 'grants')}"`).join(' or '),
    },
  }
}

/** All grants, as grants/ANY.conf set them; a later directory adds to an earlier one. */
export function readGrants(directories: string[]): Grant[] {
  return directories.flatMap((directory) => {
    const folder = join(directory, 'grants')
    return listConf(folder).map((file) => {
      const { role, extensions, trusted } = readRecord(join(folder, file), grantDefinitions)
      if (role === '') throw lacking(join(folder, file), 'there is no "role"', "Add a line: role = 'NAME'")
      return { role, extensions, trusted }
    })
  })
}
