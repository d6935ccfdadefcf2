// pginstall update: ALTER EXTENSION UPDATE from a shell.
import type { Command } from 'commander'
import type { ConnectionOptions } from '../../adapters/connection.ts'
import { type DatabaseExtension, listExtensions } from '../../adapters/database-extensions.ts'
import type { Session } from '../../adapters/session.ts'
import { PginstallError } from '../../model/errors.ts'
import { type ExtensionSpec, quoteIdentifier, quoteVersion } from '../../model/extension-spec.ts'
import { namedOf, reportBatch, runBatch } from '../batch.ts'
import { addConnectionOptions, withSession } from '../connect.ts'
import type { CliContext } from '../context.ts'

type Options = ConnectionOptions & { json?: true }
type Done = 'updated' | 'current'

export function addUpdateCommand(program: Command, context: CliContext): void {
  addConnectionOptions(
    program
      .command('update')
      .description('update extensions of a database, each in a transaction of its own')
      .argument('<extension...>', 'short or full names; NAME=VERSION for a certain version'),
  )
    .option('--json', 'what was done, as JSON')
    .addHelpText('after', '\nExit status: 0 when all are up to date, 1 when one of them failed, 2 for wrong usage.')
    .action((extensions: string[], options: Options) => update(context, extensions, options))
}

async function update(context: CliContext, extensions: string[], options: Options): Promise<void> {
  const outcomes = await withSession(context, options, (session) =>
    runBatch<Done>(context, session, extensions, async (spec) => {
      const before = await findExtension(session, spec)
      const to = spec.version === undefined ? '' : ` TO ${quoteVersion(spec.version)}`
      await session.execute(`ALTER EXTENSION ${quoteIdentifier(spec.text)} UPDATE${to}`)
      const after = await findExtension(session, spec)
      const same = before.sql_version === after.sql_version && before.version === after.version
      return { outcome: same ? 'current' : 'updated', extensions: [namedOf(after)] }
    }),
  )
  reportBatch(context, outcomes, { updated: 'updated', current: 'up to date' }, options.json ?? false)
}

/** Whether the provider is the one named is for the server to say: ALTER EXTENSION takes full names. */
async function findExtension(session: Session, { name }: ExtensionSpec): Promise<DatabaseExtension> {
  const found = (await listExtensions(session)).find((extension) => extension.name === name.short)
  if (found !== undefined) return found
  throw new PginstallError('undefined_extension', `extension "${name.short}" is not installed in the database`, {
    hint: `Install it with: pginstall install ${name.kind === 'full' ? name.full : name.short}`,
  })
}
