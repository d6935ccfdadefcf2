// pginstall search: what the repositories of the server have, by the sidecar's copy of their indexes.
import type { Command } from 'commander'
import type { ConnectionOptions } from '../../adapters/connection.ts'
import { searchExtensions } from '../../adapters/database-extensions.ts'
import { addConnectionOptions, withSession } from '../connect.ts'
import type { CliContext } from '../context.ts'
import { formatTable } from '../table.ts'

type Options = ConnectionOptions & { json?: true }

export function addSearchCommand(program: Command, context: CliContext): void {
  addConnectionOptions(
    program
      .command('search')
      .description('list extensions whose full name or description contains the text')
      .argument('[text]', 'without it, all'),
  )
    .option('--json', 'as JSON')
    .action((text: string | undefined, options: Options) => search(context, text ?? '', options))
}

async function search(context: CliContext, text: string, options: Options): Promise<void> {
  const found = await withSession(context, options, (session) => searchExtensions(session, text))
  if (options.json) {
    context.out(JSON.stringify(found, null, 2))
    return
  }
  if (found.extensions.length === 0) {
    context.progress('no extension has that in its name or description')
    return
  }
  const rows = found.extensions.map(({ full_name, version, repository, permitted, installable, description }) => [
    full_name,
    version,
    repository,
    describeState({ permitted, installable }),
    description,
  ])
  for (const line of formatTable(['NAME', 'VERSION', 'REPOSITORY', 'RUNS HERE', 'DESCRIPTION'], rows)) context.out(line)
}

/** Whether it runs here, as people are told. */
export function describeState({
  permitted = true,
  installable,
}: {
  permitted?: boolean | undefined
  installable: boolean
}): string {
  if (!permitted) return 'not by policy'
  return installable ? 'yes' : 'no'
}
