// pginstall setup: the one step as root on the machine of a cluster, and the way back.
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { readPgConfig } from '../../adapters/pg-config.ts'
import { readSettings, type Settings } from '../../adapters/settings.ts'
import { listTargets, targetDirectory, withTarget } from '../../adapters/targets.ts'
import { modulePath, withBuiltExtension } from '../../cluster/extension-files.ts'
import { type Cluster, describeCluster, findDataDirectory } from '../../cluster/locate.ts'
import type { UnitOptions } from '../../cluster/service-unit.ts'
import { planSetup, remarksOnSetup, type SetupOptions, socketOf } from '../../cluster/setup.ts'
import { planUninstall } from '../../cluster/uninstall.ts'
import { PginstallError } from '../../model/errors.ts'
import type { CliContext } from '../context.ts'
import { addSetUpOptions, configDirectory, finish, type SetUpOptions, serviceOptions, setUp } from '../set-up.ts'

type Options = SetUpOptions & {
  pgConfig?: string
  dataDirectory?: string
  target: string
  role?: string
  shared?: true
  built?: string
}

const name = 'pginstall setup'

export function addSetupCommand(program: Command, context: CliContext): void {
  const command = program
    .command('setup')
    .description('set a PostgreSQL cluster up for pginstall, as root; safe to repeat, and to interrupt')
    .option(
      '--pg-config <path>',
      'pg_config of its installation (default: as set for the target, else setting pg_config)',
    )
    .option('--data-directory <path>', 'which cluster (default: as set for the target, else the only one there is)')
    .option('--target <name>', 'what the cluster is called here', 'main')
    .option('--role <name>', 'superuser to connect as (default: the name of the OS user of the server)')
    .option('--shared', 'load the hook by shared_preload_libraries, too: in all processes, from the next restart on')
    .option(
      '--built <directory>',
      'install what "make -C pgext install DESTDIR=directory" has put there; build nothing',
    )
  addSetUpOptions(command).action((options: Options) =>
    setUp(context, options, () => (options.uninstall ? runUninstall(context, options) : runSetup(context, options))),
  )
}

/** Settings of a target; where it has none yet, those that hold for all, with what is the target's by nature empty. */
function settingsOf({ configDirectories }: CliContext, target: string): Settings {
  if (listTargets(configDirectories).includes(target)) return readSettings(withTarget(configDirectories, target))
  const common = readSettings(configDirectories)
  return { ...common, socket: socketOf(target, common.socket) }
}

function unitOptions(context: CliContext, settings: Settings, options: Options): UnitOptions {
  return {
    ...serviceOptions(context, options, settings.user),
    directory: settings.directory,
    socketDirectory: dirname(settings.socket),
  }
}

async function runSetup(context: CliContext, options: Options): Promise<void> {
  const { target } = options
  const own = targetDirectory(configDirectory(context), target)
  const settings = settingsOf(context, target)
  const installation = await readPgConfig(options.pgConfig ?? settings.pg_config, context.signal)
  const claimed = listTargets(context.configDirectories).map((name) => settingsOf(context, name).data_directory)
  const dataDirectory =
    options.dataDirectory ||
    settings.data_directory ||
    (await findDataDirectory(installation, settings.server_directory, context.signal, claimed))
  const cluster = describeCluster(dataDirectory, installation)
  requireUnclaimed(context, target, cluster)
  const setup: SetupOptions = {
    ...{ target, cluster, targetDirectory: own, socket: settings.socket, signal: context.signal },
    role: options.role,
    shared: options.shared ?? false,
    unit: unitOptions(context, settings, options),
  }
  const work = async (staged: string) => {
    await finish(context, name, options, await planSetup(setup, staged), () => remarksOnSetup(setup))
  }
  if (options.built !== undefined) await work(resolve(options.built))
  else await withBuiltExtension(installation, context.signal, work)
}

async function runUninstall(context: CliContext, options: Options): Promise<void> {
  const { target } = options
  const known = listTargets(context.configDirectories)
  const own = targetDirectory(configDirectory(context), target)
  if (!existsSync(own) && options.dataDirectory === undefined) {
    context.progress(`pginstall setup: target "${target}" is not set up; nothing to do`)
    return
  }
  const settings = settingsOf(context, target)
  const installation = await readPgConfig(options.pgConfig ?? settings.pg_config, context.signal)
  const dataDirectory = options.dataDirectory ?? settings.data_directory
  const others = known.filter((name) => name !== target).map((name) => settingsOf(context, name))
  const otherModules = await Promise.all(
    others.map(async ({ pg_config: path }) => modulePath(await readPgConfig(path, context.signal))),
  )
  const steps = await planUninstall({
    target,
    cluster: existsSync(dataDirectory) ? describeCluster(dataDirectory, installation) : undefined,
    role: options.role,
    targetDirectory: own,
    socket: settings.socket,
    unit: unitOptions(context, settings, options),
    sharesInstallation: otherModules.includes(modulePath(installation)),
    isLast: others.length === 0,
    signal: context.signal,
  })
  await finish(context, name, options, steps)
}

/** A target is one cluster, and a cluster one target: two sidecars would each think that its links are all there are. */
function requireUnclaimed(context: CliContext, target: string, cluster: Cluster): void {
  for (const name of listTargets(context.configDirectories)) {
    const { data_directory: directory } = settingsOf(context, name)
    if (directory === '' || (name === target) === (directory === cluster.dataDirectory)) continue
    throw new PginstallError('duplicate_object', `target "${name}" is cluster "${directory}"`, {
      detail: `It would become target "${target}" with cluster "${cluster.dataDirectory}".`,
      hint:
        name === target
          ? 'Give each cluster a --target NAME of its own.'
          : `Use --target ${name}, or first type: pginstall setup --uninstall --target ${name}`,
    })
  }
}
