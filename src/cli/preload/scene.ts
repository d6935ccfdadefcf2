// preload: the cluster, its links and its setting, as the commands find them.
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readPgConfig } from '../../adapters/pg-config.ts'
import { inNameOf } from '../../adapters/privileges.ts'
import { readSettings } from '../../adapters/settings.ts'
import { listTargets, withTarget } from '../../adapters/targets.ts'
import { type Cluster, describeCluster, findDataDirectory } from '../../cluster/locate.ts'
import { type Preloading, readPreloading } from '../../cluster/preload.ts'
import { requireRights } from '../../cluster/setup.ts'
import { type LinkedModule, linkDirectory, listLinks, waitingDirectory } from '../../install/links.ts'
import { Store } from '../../install/store.ts'
import type { CliContext } from '../context.ts'

export type PreloadOptions = { target?: string; role?: string; json?: true }

export type PreloadScene = {
  cluster: Cluster
  role: string | undefined
  preloading: Preloading
  /** Directory of the target, below that of the store. */
  directory: string
  links: LinkedModule[]
  /** Those that replace them at the next restart. */
  waiting: LinkedModule[]
  /** Changes links as their owner would; `work` takes what is half done. */
  relink(change: (work: string) => Promise<void>): Promise<void>
}

const defaultTarget = 'main'

/** @throws PginstallError insufficient_privilege, undefined_file, io_error, … */
export async function openPreloadScene(context: CliContext, options: PreloadOptions): Promise<PreloadScene> {
  const { configDirectories: given, signal } = context
  const { target = defaultTarget } = options
  const isSetUp = options.target !== undefined || listTargets(given).includes(target)
  const settings = readSettings(isSetUp ? withTarget(given, target) : given)
  const installation = await readPgConfig(settings.pg_config, signal)
  const cluster = describeCluster(
    settings.data_directory || (await findDataDirectory(installation, settings.server_directory, signal)),
    installation,
  )
  requireRights(cluster, '"pginstall preload"')
  const directory = join(settings.directory, settings.target)
  const { work } = new Store(settings.directory, signal)
  return {
    cluster,
    role: options.role,
    preloading: await readPreloading(cluster, options.role, signal),
    directory,
    links: listLinks(linkDirectory(directory)),
    waiting: listLinks(waitingDirectory(directory)),
    // The links are a less privileged user's: what it may have put in their way must not lead root elsewhere.
    relink: (change) =>
      inNameOf(statSync(directory).uid, () =>
        change(work).finally(() => rmSync(work, { recursive: true, force: true })),
      ),
  }
}
