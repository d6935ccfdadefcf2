// pginstall outdated: extensions of a database of which a repository has something newer.
import type { Command } from 'commander'
import type { ConnectionOptions } from '../../adapters/connection.ts'
import { listExtensions, searchExtensions } from '../../adapters/database-extensions.ts'
import type { Session } from '../../adapters/session.ts'
import { compareVersions } from '../../model/version-order.ts'
import { addConnectionOptions, withSession } from '../connect.ts'
import type { CliContext } from '../context.ts'
import { formatTable } from '../table.ts'

type Options = ConnectionOptions & { json?: true }

type Outdated = { name: string; full_name: string; installed: string; available: string; repository: string }

export function addOutdatedCommand(program: Command, context: CliContext): void {
  addConnectionOptions(
    program
      .command('outdated')
      .description('list extensions that came through pginstall and of which their repository has a newer version'),
  )
    .option('--json', 'as JSON')
    .action((options: Options) => outdated(context, options))
}

async function outdated(context: CliContext, options: Options): Promise<void> {
  const found = await withSession(context, options, findOutdated)
  if (options.json) {
    context.out(JSON.stringify(found, null, 2))
    return
  }
  if (found.length === 0) {
    context.progress('nothing is outdated')
    return
  }
  const rows = found.map((row) => [row.full_name, row.installed, row.available, row.repository])
  for (const line of formatTable(['NAME', 'INSTALLED', 'AVAILABLE', 'REPOSITORY'], rows)) context.out(line)
}

/** Only what would run here counts, and only from the repository that it came from: another's word decides nothing. */
async function findOutdated(session: Session): Promise<Outdated[]> {
  const outdated: Outdated[] = []
  for (const { name, full_name, version, repository } of await listExtensions(session)) {
    if (full_name === null || version === null || repository === null) continue
    const newest = (await searchExtensions(session, full_name)).extensions.find(
      (found) => found.full_name === full_name && found.repository === repository && found.installable,
    )
    if (newest === undefined || compareVersions(newest.version, version) <= 0) continue
    outdated.push({ name, full_name, installed: version, available: newest.version, repository })
  }
  return outdated
}
