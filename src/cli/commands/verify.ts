// pginstall verify: whether every file that the sidecar has placed is still what its archive's manifest says.
import type { Command } from 'commander'
import { readSettings } from '../../adapters/settings.ts'
import { withTarget } from '../../adapters/targets.ts'
import { type StoreReport, verifyStore } from '../../install/verify-store.ts'
import type { CliContext } from '../context.ts'
import { plain } from '../table.ts'

type Options = { target?: string; json?: true }

export function addVerifyCommand(program: Command, context: CliContext): void {
  program
    .command('verify')
    .description('read every file of the store on this machine and compare it with the manifest of its archive')
    .option('--target <name>', 'with the settings of this target over the others')
    .option('--json', 'what was read and what is wrong, as JSON')
    .addHelpText('after', '\nExit status: 0 when all is as it must be, 1 when something is not.')
    .action((options: Options) => verify(context, options))
}

async function verify(context: CliContext, { target, json }: Options): Promise<void> {
  const { configDirectories: given } = context
  const { directory } = readSettings(target === undefined ? given : withTarget(given, target))
  const report = await verifyStore(directory, {
    signal: context.signal,
    onArchive: (name) => context.progress(plain(`reading ${name}`)),
  })
  if (report.faults.length > 0) context.exitStatus(1)
  if (json) context.out(JSON.stringify(report, null, 2))
  else for (const line of describeReport(report)) context.out(line)
}

function describeReport({ archives, files, bytes, faults }: StoreReport): string[] {
  return [
    ...faults.map(({ path, fault }) => plain(`wrong: ${path} ${fault}`)),
    `${archives} archives, ${files} files, ${bytes} bytes: ${faults.length === 0 ? 'all as they must be' : `${faults.length} wrong`}`,
    // The sidecar fetches an archive again when its directory is gone, and takes a shared file for what its name says.
    ...(faults.length === 0
      ? []
      : [
          'To have an archive fetched again, remove its directory and the shared files that are wrong, then install it again.',
        ]),
  ]
}
