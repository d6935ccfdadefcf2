// What the commands that set something up on this machine have in common.
import { extname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { carryOut, type Step } from '../cluster/plan.ts'
import { withSetupLock } from '../cluster/setup-lock.ts'
import type { ServiceOptions } from '../cluster/systemd.ts'
import type { CliContext } from './context.ts'

export type SetUpOptions = { unitDirectory: string; uninstall?: true; dryRun?: true }

export function addSetUpOptions(command: Command): Command {
  return command
    .option('--unit-directory <path>', 'where systemd units go', '/etc/systemd/system')
    .option('--dry-run', 'show what would be done, and do nothing')
    .option('--uninstall', 'take all of it back')
}

/** Of the whole system, or of whoever has named one directory for everything. */
export function configDirectory({ configDirectories }: CliContext): string {
  return resolve(configDirectories[0] as string)
}

/** A service runs the very program that sets it up. */
export function serviceOptions(context: CliContext, { unitDirectory }: SetUpOptions, user: string): ServiceOptions {
  const main = fileURLToPath(new URL(`main${extname(import.meta.url)}`, import.meta.url))
  return {
    unitDirectory: resolve(unitDirectory),
    program: [process.execPath, main],
    user,
    configDirectory: configDirectory(context),
  }
}

/** Works alone, and makes what others may read; a dry run writes nothing, a lock neither. */
export function setUp(context: CliContext, { dryRun }: SetUpOptions, work: () => Promise<void>): Promise<void> {
  process.umask(0o022)
  return dryRun ? work() : withSetupLock(configDirectory(context), work)
}

/** Shows what is to be done, or does it; then what is to be said of how things are now. */
export async function finish(
  context: CliContext,
  name: string,
  { dryRun }: SetUpOptions,
  steps: Step[],
  remarksAfter: () => string[] | Promise<string[]> = () => [],
): Promise<void> {
  const tell = (what: string) => context.progress(`${name}: ${what}`)
  if (dryRun) for (const { what } of steps) context.out(what)
  else await carryOut(steps, context.signal, tell)
  if (steps.length === 0) tell('everything is as it should be')
  for (const remark of await remarksAfter()) tell(remark)
}
