// What of local policy stands in files: who may install what.
import { join } from 'node:path'
import { broken, listConf, readRecord } from './setting-files.ts'
import type { Definition } from './setting-kinds.ts'

const grantDefinitions = {
  role: { kind: 'text', default: '', description: 'the role, exactly' },
  extensions: { kind: 'patterns', default: '', description: 'full names that the role may install' },
  trusted: { kind: 'boolean', default: 'no', description: 'whether they are trusted extensions for the role' },
} as const satisfies Record<string, Definition>

/** What a role that is no superuser may install, as grants/ANY.conf sets it. */
export type Grant = { role: string; extensions: string[]; trusted: boolean }

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
