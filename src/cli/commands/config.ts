// pginstall config: shows and changes settings.
import type { Command } from 'commander'
import { writeRepositorySetting } from '../../adapters/repository-settings.ts'
import {
  describeSetting,
  readSettingSources,
  type SettingName,
  settingName,
  writeSetting,
} from '../../adapters/settings.ts'
import { targetDirectory, withTarget } from '../../adapters/targets.ts'
import { PginstallError } from '../../model/errors.ts'
import type { CliContext } from '../context.ts'

type Options = { repository?: string; target?: string; json?: boolean }

export function addConfigCommand(program: Command, context: CliContext): void {
  program
    .command('config')
    .description('show all settings, show one, or set one')
    .argument('[key]', 'setting; "-" and "_" are the same')
    .argument('[value]', 'its new value')
    .option('--repository <name>', 'set uri, key or unsigned of this repository')
    .option('--target <name>', 'the settings of this target, which hold for its sidecar alone')
    .option('--json', 'as JSON')
    .action((key: string | undefined, value: string | undefined, options: Options) =>
      runConfig(context, key, value, options),
    )
}

async function runConfig(
  context: CliContext,
  key: string | undefined,
  value: string | undefined,
  options: Options,
): Promise<void> {
  const { target } = options
  const last = context.configDirectories.at(-1) as string
  const directory = target === undefined ? last : targetDirectory(last, target)
  if (options.repository !== undefined) {
    if (key === undefined || value === undefined) {
      throw new PginstallError('invalid_parameter_value', 'a repository needs a setting and a value', {
        hint: `For example: pginstall config --repository ${options.repository} uri https://repository.example/`,
      })
    }
    await writeRepositorySetting(directory, options.repository, key, value)
    return
  }
  if (key !== undefined && value !== undefined) {
    await writeSetting(directory, settingName(key), value)
    return
  }
  const { configDirectories: given } = context
  const directories = target === undefined ? given : withTarget(given, target)
  show(context, directories, key === undefined ? undefined : settingName(key), options.json ?? false)
}

function show(context: CliContext, directories: string[], only: SettingName | undefined, json: boolean): void {
  const sources = readSettingSources(directories)
  if (only !== undefined && !json) {
    context.out(sources[only].value)
    return
  }
  const names = only === undefined ? (Object.keys(sources) as SettingName[]) : [only]
  const rows = names.map((name) => ({ name, ...sources[name], description: describeSetting(name) }))
  if (json) {
    context.out(JSON.stringify(only === undefined ? rows : rows[0], null, 2))
    return
  }
  for (const { name, value, file, line, description } of rows) {
    const origin = file === undefined ? 'default' : `${file}:${line}`
    context.out(`${name} = '${value}'\t# ${description} (${origin})`)
  }
}
