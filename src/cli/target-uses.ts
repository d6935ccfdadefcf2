// What all targets of this machine that share a store need of it.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { readMappedLibraries } from '../adapters/mapped-files.ts'
import { type PgConfig, readPgConfig } from '../adapters/pg-config.ts'
import { findUser } from '../adapters/privileges.ts'
import { readSettings, type Settings } from '../adapters/settings.ts'
import { listTargets, withTarget } from '../adapters/targets.ts'
import { describeCluster, findDataDirectory } from '../cluster/locate.ts'
import { readUse } from '../cluster/target-use.ts'
import { linkedFiles } from '../cluster/tsearch.ts'
import { linksOf, listTargetFolders, type StoredArchiveEntry } from '../install/store-contents.ts'
import { reportError } from '../model/errors.ts'
import { majorOf } from '../model/platform.ts'
import { type ArchiveUse, type TargetUse, useOf } from '../model/store-use.ts'
import type { CliContext } from './context.ts'

/** An OS user as whom we cannot run, so that not all of its processes may be looked at. */
const nobodyKnows = -1

export type StoreUses = { targets: TargetUse[]; of(archive: StoredArchiveEntry): ArchiveUse }

/** `role` is the superuser to connect as; without, the name of the OS user of each server. */
export async function readStoreUses(
  context: CliContext,
  directory: string,
  archives: StoredArchiveEntry[],
  role: string | undefined,
): Promise<StoreUses> {
  const known = knownTargets(context).filter((settings) => settings.directory === directory)
  const strangers = listTargetFolders(directory).filter((name) => !known.some(({ target }) => target === name))
  const targets: TargetUse[] = []
  for (const settings of known) targets.push(await readTarget(settings, role, context.signal))
  for (const name of strangers) targets.push(stranger(directory, name))
  // After the databases: whoever has loaded a module of an extension that is dropped meanwhile has done so by then.
  const mapped = readMappedLibraries(new Set(known.map(serverUid)))
  return { targets, of: (archive) => useOf(archive, archives, targets, mapped) }
}

/** Those of the settings, and the one that the settings themselves are where nobody has made targets. */
function knownTargets({ configDirectories }: CliContext): Settings[] {
  const made = listTargets(configDirectories).map((name) => readSettings(withTarget(configDirectories, name)))
  const common = readSettings(configDirectories)
  const isMade = made.some(({ target }) => target === common.target)
  const serves = made.length === 0 || isDirectory(join(common.directory, common.target))
  return isMade || !serves ? made : [common, ...made]
}

async function readTarget(settings: Settings, role: string | undefined, signal: AbortSignal): Promise<TargetUse> {
  const { target, directory } = settings
  const known = { target, databases: [], libraries: [], links: linksOf(directory, target) }
  let installation: PgConfig | undefined
  try {
    installation = await readPgConfig(settings.pg_config, signal)
    const dataDirectory =
      settings.data_directory || (await findDataDirectory(installation, settings.server_directory, signal))
    const use = await readUse(describeCluster(dataDirectory, installation), role)
    return { ...known, ...use, ...ofInstallation(installation, directory) }
  } catch (thrown) {
    signal.throwIfAborted()
    const fault = reportError(thrown).message
    return installation === undefined
      ? { ...known, major: undefined, linkedFiles: [], fault }
      : { ...known, ...ofInstallation(installation, directory), fault }
  }
}

function ofInstallation(installation: PgConfig, directory: string): Pick<TargetUse, 'major' | 'linkedFiles'> {
  return { major: majorOf(installation.versionNum), linkedFiles: linkedFiles(installation, directory) }
}

function stranger(directory: string, target: string): TargetUse {
  const fault = `no settings tell of it; if it is no more, remove ${join(directory, target)}`
  const links = linksOf(directory, target)
  return { target, major: undefined, databases: [], libraries: [], linkedFiles: [], links, fault }
}

/** Whose processes may have modules mapped. */
function serverUid({ server_user: user }: Settings): number {
  try {
    return findUser(user).uid
  } catch {
    return nobodyKnows
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
