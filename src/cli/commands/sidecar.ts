// pginstall sidecar: what PostgreSQL asks for extensions. Runs in the foreground, as systemd has it.
import type { Command } from 'commander'
import { createLog } from '../../adapters/log.ts'
import { dropRoot, findUser } from '../../adapters/privileges.ts'
import { runSidecar } from '../../sidecar/sidecar.ts'
import type { CliContext } from '../context.ts'

export function addSidecarCommand(program: Command, context: CliContext): void {
  program
    .command('sidecar')
    .description('serve the CREATE EXTENSIONs of one PostgreSQL cluster, in the foreground')
    .action(async () => {
      const settings = context.settings()
      const serverUid = findUser(settings.server_user).uid
      const log = createLog('pginstall-sidecar')
      dropRoot(settings.user)
      process.umask(0o022)
      await runSidecar({
        configDirectories: context.configDirectories,
        serverUid,
        log,
        signal: context.signal,
        onListening: (socket) => context.progress(`pginstall sidecar: listening on ${socket}`),
      })
      // To be stopped is how a daemon ends well.
      context.exitStatus(0)
    })
}
