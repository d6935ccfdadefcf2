// pginstall update: ALTER EXTENSION UPDATE from a shell.
import type { Command } from 'commander'
import type { ConnectionOptions } from '../../adapters/connection.ts'
import { type DatabaseExtension, listExtensions, listOtherDatabases } from '../../adapters/database-extensions.ts'
import type { Session } from '../../adapters/session.ts'
import { PginstallError } from '../../model/errors.ts'
import { type ExtensionSpec, quoteIdentifier, quoteVersion } from '../../model/extension-spec.ts'
import { compareVersions } from '../../model/version-order.ts'
import { namedOf, reportBatch, runBatch } from '../batch.ts'
import { addConnectionOptions, withSession } from '../connect.ts'
import type { CliContext } from '../context.ts'

type Options = ConnectionOptions & { force?: true; json?: true }
type Done = 'updated' | 'current'

export function addUpdateCommand(program: Command, context: CliContext): void {
  addConnectionOptions(
    program
      .command('update')
      .description('update extensions of a database, each in a transaction of its own')
      .argument('<extension...>', 'short or full names; NAME=VERSION for a certain version'),
  )
    .option('--force', 'go back to an older version, too: what only the newer one can hold may be lost')
    .option('--json', 'what was done, as JSON')
    .addHelpText('after', '\nExit status: 0 when all are up to date, 1 when one of them failed, 2 for wrong usage.')
    .action((extensions: string[], options: Options) => update(context, extensions, options))
}

async function update(context: CliContext, extensions: string[], options: Options): Promise<void> {
  const outcomes = await withSession(context, options, async (session) => {
    if (options.force) await session.execute('SET pginstall.downgrade = on')
    return runBatch<Done>(context, session, extensions, async (spec) => {
      const before = await findExtension(session, spec)
      await updateTo(session, spec, spec.version)
      const after = await findExtension(session, spec)
      if (compareVersions(after.sql_version, before.sql_version) < 0) {
        await takeModulesBack(context, options, session, spec, after)
      }
      const same = before.sql_version === after.sql_version && before.version === after.version
      return { outcome: same ? 'current' : 'updated', extensions: [namedOf(after)] }
    })
  })
  reportBatch(context, outcomes, { updated: 'updated', current: 'up to date' }, options.json ?? false)
}

function updateTo(session: Session, { text }: ExtensionSpec, version: string | undefined): Promise<void> {
  const to = version === undefined ? '' : ` TO ${quoteVersion(version)}`
  return session.execute(`ALTER EXTENSION ${quoteIdentifier(text)} UPDATE${to}`)
}

/** One module serves all databases of the cluster: it goes back when none of them needs the newer one any more. */
async function takeModulesBack(
  context: CliContext,
  options: Options,
  session: Session,
  spec: ExtensionSpec,
  { full_name, sql_version }: DatabaseExtension,
): Promise<void> {
  if (full_name === null) return
  const users: string[] = []
  for (const database of await listOtherDatabases(session)) {
    const extensions = await withSession(context, { ...options, database }, listExtensions).catch(() => undefined)
    const found = extensions?.find((extension) => extension.full_name === full_name)
    if (extensions === undefined) users.push(`database "${database}", which cannot be asked`)
    else if (found !== undefined && compareVersions(found.sql_version, sql_version) > 0) {
      users.push(`database "${database}" at version ${found.sql_version}`)
    }
  }
  if (users.length === 0) return updateTo(session, spec, sql_version)
  context.progress(`modules of ${full_name} stay as new as they are, for: ${users.join(', ')}`)
}

/** Whether the provider is the one named is for the server to say: ALTER EXTENSION takes full names. */
async function findExtension(session: Session, { name }: ExtensionSpec): Promise<DatabaseExtension> {
  const found = (await listExtensions(session)).find((extension) => extension.name === name.short)
  if (found !== undefined) return found
  throw new PginstallError('undefined_extension', `extension "${name.short}" is not installed in the database`, {
    hint: `Install it with: pginstall install ${name.kind === 'full' ? name.full : name.short}`,
  })
}
