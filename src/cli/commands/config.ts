// pginstall config: shows and changes settings.
import type { Command } from 'commander'
import {
  describeRepositorySetting,
  readRepositorySources,
  repositorySettingName,
  repositorySettingNames,
  writeRepositorySetting,
} from '../../adapters/repository-settings.ts'
import {
  describeSetting,
  readSettingSources,
  type SettingSource,
  settingName,
  writeSetting,
} from '../../adapters/settings.ts'
import { targetDirectory, withTarget } from '../../adapters/targets.ts'
import type { CliContext } from '../context.ts'

type Options = { repository?: string; target?: string; json?: boolean }

export function addConfigCommand(program: Command, context: CliContext): void {
  program
    .command('config')
    .description('show all settings, show one, or set one')
    .argument('[key]', 'setting; "-" and "_" are the same')
    .argument('[value]', 'its new value')
    .option('--repository <name>', `a setting of this repository: ${repositorySettingNames.join(', ')}`)
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
  const { repository, json = false } = options
  if (key !== undefined && value !== undefined) {
    if (repository !== undefined) return writeRepositorySetting(directory, repository, key, value)
    return writeSetting(directory, settingName(key), value)
  }
  const { configDirectories: given } = context
  const directories = target === undefined ? given : withTarget(given, target)
  if (repository !== undefined) {
    const only = key === undefined ? undefined : repositorySettingName(key)
    show(context, readRepositorySources(directories, repository), describeRepositorySetting, only, json)
    return
  }
  const only = key === undefined ? undefined : settingName(key)
  show(context, readSettingSources(directories), describeSetting, only, json)
}

function show<Name extends string>(
  context: CliContext,
  sources: Record<Name, SettingSource>,
  describe: (name: Name) => string,
  only: Name | undefined,
  json: boolean,
): void {
  if (only !== undefined && !json) {
    context.out(sources[only].value)
    return
  }
  const names = only === undefined ? (Object.keys(sources) as Name[]) : [only]
  const rows = names.map((name) => ({ name, ...sources[name], description: describe(name) }))
  if (json) {
    context.out(JSON.stringify(only === undefined ? rows : rows[0], null, 2))
    return
  }
  for (const { name, value, file, line, description } of rows) {
    const origin = file === undefined ? 'default' : `${file}:${line}`
    context.out(`${name} = '${value}'\t# ${description} (${origin})`)
  }
}
