// Settings: plain text files in postgresql.conf's own syntax, system-wide, per user and per target.
import { join } from 'node:path'
import { locate, readConf, replaceSetting } from './setting-files.ts'
import { parseValue, type ValueOf } from './setting-kinds.ts'
import { definitions, type SettingName, settingName } from './setting-table.ts'

export { describeSetting, type SettingName, settingName } from './setting-table.ts'

export type Settings = { [N in SettingName]: ValueOf<(typeof definitions)[N]['kind']> }

/** Where a setting's value came from: a file and line, or nothing for the default. */
export type SettingSource = { value: string; file?: string; line?: number }

/** Of each settings directory. */
export const mainFile = 'pginstall.conf'

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

/** Sets one value in one directory's file, keeping every other line as it is. Replaces the file in one step. */
export async function writeSetting(directory: string, name: SettingName, value: string): Promise<void> {
  parseValue(name, definitions[name].kind, value)
  await replaceSetting(join(directory, mainFile), name, value)
}
