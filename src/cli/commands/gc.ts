// pginstall gc: removes from the store what no database of this machine needs.
import type { Command } from 'commander'
import { fileTrouble } from '../../adapters/files.ts'
import { dropRoot } from '../../adapters/privileges.ts'
import { bytesFreed, clearStore } from '../../install/clear-store.ts'
import { listArchives, requireStore, type StoredArchiveEntry } from '../../install/store-contents.ts'
import type { CliContext } from '../context.ts'
import { count, formatBytes, plain } from '../table.ts'
import { readStoreUses } from '../target-uses.ts'
import { describeArchive, shownDigits, tellFaults } from './list.ts'

type Options = { role?: string; dryRun?: true; json?: true }

export function addGcCommand(program: Command, context: CliContext): void {
  program
    .command('gc')
    .description('remove from the store what no database of any cluster of this machine needs')
    .option('--role <name>', 'superuser to connect as (default: the name of the OS user of each server)')
    .option('--dry-run', 'show what would be removed, and remove nothing')
    .option('--json', 'what was removed, and why what nobody uses was not, as JSON')
    .action((options: Options) => collect(context, options))
}

async function collect(context: CliContext, options: Options): Promise<void> {
  const before = Date.now()
  const { directory, user } = context.settings()
  requireStore(directory)
  const archives = listArchives(directory)
  const uses = await readStoreUses(context, directory, archives, options.role)
  const unused = archives
    .map((archive) => ({ archive, ...uses.of(archive) }))
    .filter(({ databases }) => databases.length === 0)
  const kept = unused.filter(({ reasons }) => reasons.length > 0)
  const removable = unused.filter(({ reasons }) => reasons.length === 0).map(({ archive }) => archive)
  if (!options.json) tellFaults(context, uses.targets)
  const { gone, bytes } = options.dryRun
    ? { gone: removable, bytes: bytesFreed(directory, removable) }
    : remove(directory, user, removable, before)
  if (options.json) {
    const document = {
      dry_run: options.dryRun ?? false,
      removed: gone.map(describeArchive),
      freed_bytes: bytes,
      kept: kept.map(({ archive, reasons }) => ({ ...describeArchive(archive), reasons })),
    }
    context.out(JSON.stringify(document, null, 2))
    return
  }
  for (const { archive, reasons } of kept) context.out(plain(`kept: ${nameOf(archive)}: ${reasons.join(' ')}`))
  const would = options.dryRun ? 'would be ' : ''
  for (const archive of gone) context.out(plain(`${would}removed: ${nameOf(archive)}`))
  context.out(`${count(gone.length, 'archive')} ${would}removed, ${formatBytes(bytes)} ${would}freed`)
}

/** As the sidecar's user: what lies there is a less privileged user's, who may exchange it as we go. */
function remove(directory: string, user: string, archives: StoredArchiveEntry[], before: number) {
  dropRoot(user)
  try {
    return clearStore(directory, archives, before)
  } catch (cause) {
    throw fileTrouble('clear the store', cause)
  }
}

function nameOf({ fullName, version, key, digest }: StoredArchiveEntry): string {
  return `${fullName} ${version} (${key}, ${digest.slice(0, shownDigits)})`
}
