// Every command with its options, as data: what parses a command line also makes its help, completion and man page.
import { Command } from 'commander'
import { packageVersion } from '../adapters/package-root.ts'
import type { CliContext } from './context.ts'

/** In the order of help. Each is loaded when it is wanted: the sidecar would carry all others in its memory for ever. */
const commands: Record<string, () => Promise<(program: Command, context: CliContext) => void>> = {
  install: async () => (await import('./commands/install.ts')).addInstallCommand,
  update: async () => (await import('./commands/update.ts')).addUpdateCommand,
  remove: async () => (await import('./commands/remove.ts')).addRemoveCommand,
  search: async () => (await import('./commands/search.ts')).addSearchCommand,
  info: async () => (await import('./commands/info.ts')).addInfoCommand,
  outdated: async () => (await import('./commands/outdated.ts')).addOutdatedCommand,
  status: async () => (await import('./commands/status.ts')).addStatusCommand,
  list: async () => (await import('./commands/list.ts')).addListCommand,
  gc: async () => (await import('./commands/gc.ts')).addGcCommand,
  verify: async () => (await import('./commands/verify.ts')).addVerifyCommand,
  doctor: async () => (await import('./commands/doctor.ts')).addDoctorCommand,
  build: async () => (await import('./commands/build.ts')).addBuildCommand,
  upload: async () => (await import('./commands/upload.ts')).addUploadCommand,
  server: async () => (await import('./commands/server.ts')).addServerCommand,
  setup: async () => (await import('./commands/setup.ts')).addSetupCommand,
  preload: async () => (await import('./commands/preload.ts')).addPreloadCommand,
  sidecar: async () => (await import('./commands/sidecar.ts')).addSidecarCommand,
  tsearch: async () => (await import('./commands/tsearch.ts')).addTsearchCommand,
  'prepare-upgrade': async () => (await import('./commands/prepare-upgrade.ts')).addPrepareUpgradeCommand,
  config: async () => (await import('./commands/config.ts')).addConfigCommand,
  completion: async () => (await import('./commands/completion.ts')).addCompletionCommand,
}

/** The program with the command of that name only, when there is one: enough to carry it out. Else with all of them. */
export async function createProgram(context: CliContext, name?: string): Promise<Command> {
  const program = new Command('pginstall')
    .description('Install, build and publish PostgreSQL extensions.')
    .version(packageVersion())
    .exitOverride()
    .showHelpAfterError('(add --help for the options)')
    .configureHelp({ showGlobalOptions: true })
  const only = name !== undefined && name !== 'completion' && Object.hasOwn(commands, name) ? commands[name] : undefined
  for (const load of only === undefined ? Object.values(commands) : [only]) (await load())(program, context)
  return program
}
