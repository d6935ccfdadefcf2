// Targets: clusters of this machine, each with a settings directory of its own.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { PginstallError } from '../model/errors.ts'
import { listIfThere, readConf } from './setting-files.ts'
import { recordName } from './setting-kinds.ts'
import { mainFile } from './settings.ts'

/** What else stands in `directory`, where each target has a folder of its name. */
const foldersOfDirectory = new Set(['store', 'files', 'incoming', 'repositories'])

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
