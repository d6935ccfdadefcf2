// Which cluster somebody means who types a target's name, a data directory or the pg_config of an installation.
import { realpathSync, statSync } from 'node:fs'
import { readPgConfig } from '../adapters/pg-config.ts'
import { readSettings, type Settings } from '../adapters/settings.ts'
import { listTargets, withTarget } from '../adapters/targets.ts'
import { PginstallError } from '../model/errors.ts'
import { type Cluster, describeCluster, findDataDirectory } from './locate.ts'

/** `target`: the settings of the target that it is, when it is one. */
export type FoundCluster = { cluster: Cluster; target?: Settings }

/** @throws PginstallError undefined_file, invalid_parameter_value when nothing or more than one thing is meant */
export async function findCluster(
  configDirectories: string[],
  text: string,
  signal: AbortSignal,
): Promise<FoundCluster> {
  const targets = listTargets(configDirectories).map((name) => readSettings(withTarget(configDirectories, name)))
  const called = targets.find(({ target }) => target === text)
  if (called !== undefined) return ofTarget(called, signal)
  const common = readSettings(configDirectories)
  const path = realpathIfThere(text)
  if (path === undefined) {
    throw new PginstallError('undefined_file', `there is no cluster "${text}"`, {
      detail: `There is no such file, and the targets are: ${targets.map(({ target }) => target).join(', ') || 'none'}.`,
      hint: 'Give a target, a data directory, or the pg_config of an installation.',
    })
  }
  if (statSync(path).isDirectory()) {
    const owner = targets.find(({ data_directory }) => realpathIfThere(data_directory) === path)
    if (owner !== undefined) return ofTarget(owner, signal)
    return { cluster: describeCluster(path, await readPgConfig(common.pg_config, signal)) }
  }
  const installed = targets.filter(({ pg_config }) => realpathIfThere(pg_config) === path)
  const [only, ...others] = installed
  if (only !== undefined && others.length === 0) return ofTarget(only, signal)
  if (only !== undefined) {
    throw new PginstallError('invalid_parameter_value', `several targets belong to ${text}`, {
      detail: `They are ${installed.map(({ target }) => target).join(', ')}.`,
      hint: "Give the target's name.",
    })
  }
  const installation = await readPgConfig(text, signal)
  return {
    cluster: describeCluster(await findDataDirectory(installation, common.server_directory, signal), installation),
  }
}

async function ofTarget(target: Settings, signal: AbortSignal): Promise<FoundCluster> {
  const installation = await readPgConfig(target.pg_config, signal)
  return { cluster: describeCluster(target.data_directory, installation), target }
}

function realpathIfThere(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}
