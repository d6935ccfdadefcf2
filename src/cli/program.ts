// Every command with its options, as data: what parses a command line also makes its help, completion and man page.
import { Command } from 'commander'
import { packageVersion } from '../adapters/package-root.ts'
import { addBuildCommand } from './commands/build.ts'
import { addCompletionCommand } from './commands/completion.ts'
import { addConfigCommand } from './commands/config.ts'
import { addDoctorCommand } from './commands/doctor.ts'
import { addGcCommand } from './commands/gc.ts'
import { addInfoCommand } from './commands/info.ts'
import { addInstallCommand } from './commands/install.ts'
import { addListCommand } from './commands/list.ts'
import { addOutdatedCommand } from './commands/outdated.ts'
import { addPreloadCommand } from './commands/preload.ts'
import { addPrepareUpgradeCommand } from './commands/prepare-upgrade.ts'
import { addRemoveCommand } from './commands/remove.ts'
import { addSearchCommand } from './commands/search.ts'
import { addServerCommand } from './commands/server.ts'
import { addSetupCommand } from './commands/setup.ts'
import { addSidecarCommand } from './commands/sidecar.ts'
import { addStatusCommand } from './commands/status.ts'
import { addTsearchCommand } from './commands/tsearch.ts'
import { addUpdateCommand } from './commands/update.ts'
import { addUploadCommand } from './commands/upload.ts'
import { addVerifyCommand } from './commands/verify.ts'
import type { CliContext } from './context.ts'

export function createProgram(context: CliContext): Command {
  const program = new Command('pginstall')
    .description('Install, build and publish PostgreSQL extensions.')
    .version(packageVersion())
    .exitOverride()
    .showHelpAfterError('(add --help for the options)')
    .configureHelp({ showGlobalOptions: true })
  addInstallCommand(program, context)
  addUpdateCommand(program, context)
  addRemoveCommand(program, context)
  addSearchCommand(program, context)
  addInfoCommand(program, context)
  addOutdatedCommand(program, context)
  addStatusCommand(program, context)
  addListCommand(program, context)
  addGcCommand(program, context)
  addVerifyCommand(program, context)
  addDoctorCommand(program, context)
  addBuildCommand(program, context)
  addUploadCommand(program, context)
  addServerCommand(program, context)
  addSetupCommand(program, context)
  addPreloadCommand(program, context)
  addSidecarCommand(program, context)
  addTsearchCommand(program, context)
  addPrepareUpgradeCommand(program, context)
  addConfigCommand(program, context)
  addCompletionCommand(program, context)
  return program
}
