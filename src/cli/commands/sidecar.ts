// pginstall sidecar: what PostgreSQL asks for extensions. Runs in the foreground, as systemd has it.
import type { Command } from 'commander'
import { loadAddon } from '../../adapters/http-client.ts'
import { createLog } from '../../adapters/log.ts'
import { dropRoot, findUser } from '../../adapters/privileges.ts'
import { readSettings } from '../../adapters/settings.ts'
import { withTarget } from '../../adapters/targets.ts'
import { compileParsers } from '../../model/schema.ts'
import { runSidecar } from '../../sidecar/sidecar.ts'
import type { CliContext } from '../context.ts'

export function addSidecarCommand(program: Command, context: CliContext): void {
  program
    .command('sidecar')
    .description('serve the CREATE EXTENSIONs of one PostgreSQL cluster, in the foreground')
    .option('--target <name>', 'with the settings of this target over the others, as "pginstall setup" made them')
    .action(async ({ target }: { target?: string }) => {
      const { configDirectories: given } = context
      const configDirectories = target === undefined ? given : withTarget(given, target)
      const settings = readSettings(configDirectories)
      const serverUid = findUser(settings.server_user).uid
      const log = createLog('pginstall-sidecar')
      // The user may not be able to read the package: nothing of it is loaded after this.
      loadAddon()
      compileParsers()
      dropRoot(settings.user)
      process.umask(0o022)
      await runSidecar({
        configDirectories,
        serverUid,
        log,
        signal: context.signal,
        onListening: (socket) => {
          context.progress(`pginstall sidecar: listening on ${socket}`)
          context.serviceManager.ready(context.signal)
        },
      })
      // To be stopped is how a daemon ends well.
      context.exitStatus(0)
    })
}
