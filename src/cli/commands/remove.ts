// pginstall remove: DROP EXTENSION from a shell. What the store has of it stays, for other databases.
import type { Command } from 'commander'
import type { ConnectionOptions } from '../../adapters/connection.ts'
import { listExtensions } from '../../adapters/database-extensions.ts'
import { PginstallError } from '../../model/errors.ts'
import { type ExtensionSpec, quoteIdentifier } from '../../model/extension-spec.ts'
import { namedOf, reportBatch, runBatch } from '../batch.ts'
import { addConnectionOptions, withSession } from '../connect.ts'
import type { CliContext } from '../context.ts'

type Options = ConnectionOptions & { cascade?: true; json?: true }
type Done = 'removed' | 'absent'

export function addRemoveCommand(program: Command, context: CliContext): void {
  addConnectionOptions(
    program
      .command('remove')
      .description('drop extensions of a database, each in a transaction of its own')
      .argument('<extension...>', 'short or full names'),
  )
    .option('--cascade', 'drop what depends on them as well: extensions, and columns and data of tables')
    .option('--json', 'what was done, as JSON')
    .addHelpText('after', '\nExit status: 0 when none is there any more, 1 when one of them failed, 2 for wrong usage.')
    .action((extensions: string[], options: Options) => remove(context, extensions, options))
}

async function remove(context: CliContext, extensions: string[], options: Options): Promise<void> {
  const outcomes = await withSession(context, options, (session) =>
    runBatch<Done>(context, session, extensions, async (spec) => {
      const before = await listExtensions(session)
      refuseVersion(spec)
      const found = before.find((extension) => extension.name === spec.name.short)
      if (found === undefined) return { outcome: 'absent', extensions: [] }
      // Whether the provider is the one named is for the server to say: DROP EXTENSION takes full names.
      await session.execute(`DROP EXTENSION ${quoteIdentifier(spec.text)}${options.cascade ? ' CASCADE' : ''}`)
      const left = new Set((await listExtensions(session)).map(({ name }) => name))
      const beside = before.filter((extension) => extension !== found && !left.has(extension.name))
      return { outcome: 'removed', extensions: [found, ...beside].map(namedOf) }
    }),
  )
  reportBatch(context, outcomes, { removed: 'removed', absent: 'not there' }, options.json ?? false)
}

function refuseVersion({ text, version }: ExtensionSpec): void {
  if (version === undefined) return
  throw new PginstallError('invalid_parameter_value', `an extension is removed without a version: "${text}=${version}"`)
}
