// pginstall list: what the store of this machine has, and which databases use it.
import type { Command } from 'commander'
import { listArchives, requireStore, type StoredArchiveEntry } from '../../install/store-contents.ts'
import type { ArchiveUse, TargetUse } from '../../model/store-use.ts'
import type { CliContext } from '../context.ts'
import { formatBytes, formatTable, plain } from '../table.ts'
import { readStoreUses } from '../target-uses.ts'

type Options = { role?: string; json?: true }

export function addListCommand(program: Command, context: CliContext): void {
  program
    .command('list')
    .description('list what the store of this machine has, and which databases of which clusters use it')
    .option('--role <name>', 'superuser to connect as (default: the name of the OS user of each server)')
    .option('--json', 'as JSON')
    .action((options: Options) => list(context, options))
}

async function list(context: CliContext, { role, json }: Options): Promise<void> {
  const { directory } = context.settings()
  requireStore(directory)
  const archives = listArchives(directory)
  const uses = await readStoreUses(context, directory, archives, role)
  const rows = archives.map((archive) => ({ archive, use: uses.of(archive) }))
  if (json) {
    const faults = uses.targets.map(({ target, fault }) => ({
      name: target,
      ...(fault === undefined ? {} : { fault }),
    }))
    const documents = rows.map(({ archive, use }) => ({ ...describeArchive(archive), ...use }))
    context.out(JSON.stringify({ directory, targets: faults, archives: documents }, null, 2))
    return
  }
  tellFaults(context, uses.targets)
  const headings = ['NAME', 'VERSION', 'POSTGRESQL', 'SIZE', 'DIGEST', 'USED BY']
  const lines = rows.map(({ archive, use }) => [
    archive.fullName,
    archive.version,
    archive.key,
    formatBytes(archive.bytes),
    archive.digest.slice(0, shownDigits),
    describeUse(use),
  ])
  for (const line of formatTable(headings, lines)) context.out(line)
}

/** Of a digest, for people: two archives of one version are told apart by fewer. */
export const shownDigits = 12

/** What is said of an archive wherever one is told of, as JSON. */
export function describeArchive({ name, fullName, version, key, digest, files, bytes, path }: StoredArchiveEntry) {
  return { name, full_name: fullName, version, postgresql: key, digest, files: files.length, bytes, path }
}

/** A target that could not be asked is no error: what it may use is kept. */
export function tellFaults(context: CliContext, targets: TargetUse[]): void {
  for (const { target, fault } of targets) {
    if (fault !== undefined) context.progress(plain(`target "${target}" may use more than is known: ${fault}`))
  }
}

function describeUse({ databases, reasons }: ArchiveUse): string {
  if (databases.length > 0) return databases.map(({ target, database }) => `${target}/${database}`).join(', ')
  return reasons.length === 0 ? '-' : '?'
}
