// pginstall status: the sidecar of a server and its repositories, as the server sees them.
import type { Command } from 'commander'
import type { ConnectionOptions } from '../../adapters/connection.ts'
import { type RepositoryStatus, readStatus } from '../../adapters/database-extensions.ts'
import { PginstallError } from '../../model/errors.ts'
import { addConnectionOptions, withSession } from '../connect.ts'
import type { CliContext } from '../context.ts'
import { formatFields, formatTable } from '../table.ts'

type Options = ConnectionOptions & { json?: true }

export function addStatusCommand(program: Command, context: CliContext): void {
  addConnectionOptions(
    program.command('status').description('show the sidecar of a server, and how fresh its repositories are'),
  )
    .option('--json', 'as JSON')
    .action((options: Options) => status(context, options))
}

async function status(context: CliContext, options: Options): Promise<void> {
  const rows = await withSession(context, options, readStatus)
  const [first] = rows
  if (first === undefined) throw new PginstallError('internal_error', 'the sidecar has no status')
  const repositories = rows.filter(({ repository }) => repository !== null)
  if (options.json) {
    const { sidecar_version, target, directory } = first
    const list = repositories.map(toJson)
    context.out(JSON.stringify({ sidecar_version, target, directory, repositories: list }, null, 2))
    return
  }
  const fields = formatFields([
    ['sidecar', first.sidecar_version],
    ['target', first.target],
    ['directory', first.directory],
  ])
  for (const line of fields) context.out(line)
  if (repositories.length === 0) {
    context.out('no repository is configured')
    return
  }
  context.out('')
  const cells = repositories.map(({ repository, uri, index_version, updated, expires }) => [
    repository ?? '',
    index_version === null ? 'none yet' : String(index_version),
    updated?.toISOString() ?? '',
    expires?.toISOString() ?? '',
    uri ?? '',
  ])
  for (const line of formatTable(['REPOSITORY', 'INDEX', 'UPDATED', 'EXPIRES', 'URI'], cells)) context.out(line)
}

function toJson({ repository, uri, index_version, updated, expires }: RepositoryStatus): object {
  return {
    name: repository,
    uri,
    index_version: index_version === null ? null : Number(index_version),
    updated,
    expires,
  }
}
