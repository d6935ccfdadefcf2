// pginstall server setup: the repository server as a service of this machine, and the way back.
import type { Command } from 'commander'
import {
  planServerSetup,
  planServerUninstall,
  remarksOnServerSetup,
  remarksOnServerUninstall,
  type ServerSetupOptions,
} from '../../server/setup.ts'
import type { CliContext } from '../context.ts'
import { addSetUpOptions, finish, type SetUpOptions, serviceOptions, setUp } from '../set-up.ts'

const name = 'pginstall server setup'

export function addServerSetupCommand(server: Command, context: CliContext): void {
  const command = server
    .command('setup')
    .description('make it a service of this machine, as root; safe to repeat, and to interrupt')
  addSetUpOptions(command).action((options: SetUpOptions) =>
    setUp(context, options, () => (options.uninstall ? runUninstall(context, options) : runSetup(context, options))),
  )
}

async function runSetup(context: CliContext, options: SetUpOptions): Promise<void> {
  const setup = setupOptions(context, options)
  await finish(context, name, options, await planServerSetup(setup), () => remarksOnServerSetup(setup))
}

async function runUninstall(context: CliContext, options: SetUpOptions): Promise<void> {
  const setup = setupOptions(context, options)
  await finish(context, name, options, planServerUninstall(setup), () => remarksOnServerUninstall(setup))
}

function setupOptions(context: CliContext, options: SetUpOptions): ServerSetupOptions {
  const settings = context.settings()
  return {
    ...serviceOptions(context, options, settings.repository_user),
    dataDirectory: settings.server_directory,
    archivePath: settings.archive_path,
    dburi: settings.dburi,
    pgConfig: settings.pg_config,
    sidecarUser: settings.user,
    signal: context.signal,
  }
}
