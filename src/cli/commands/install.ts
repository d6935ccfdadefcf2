// pginstall install: CREATE EXTENSION from a shell.
import type { Command } from 'commander'
import type { ConnectionOptions } from '../../adapters/connection.ts'
import { listExtensions } from '../../adapters/database-extensions.ts'
import type { Session } from '../../adapters/session.ts'
import { PginstallError } from '../../model/errors.ts'
import { type ExtensionSpec, quoteIdentifier, quoteVersion } from '../../model/extension-spec.ts'
import { type Named, namedOf, reportBatch, runBatch } from '../batch.ts'
import { addConnectionOptions, withSession } from '../connect.ts'
import type { CliContext } from '../context.ts'

type Options = ConnectionOptions & { schema?: string; cascade?: true; json?: true }
type Done = 'installed' | 'present'

export function addInstallCommand(program: Command, context: CliContext): void {
  addConnectionOptions(
    program
      .command('install')
      .description('create extensions in a database, each in a transaction of its own')
      .argument('<extension...>', 'short or full names; NAME=VERSION for a certain version'),
  )
    .option('--schema <name>', 'put their objects into this schema')
    .option('--cascade', 'create what they require as well')
    .option('--json', 'what was done, as JSON')
    .addHelpText('after', '\nExit status: 0 when all are there, 1 when one of them failed, 2 for wrong usage.')
    .action((extensions: string[], options: Options) => install(context, extensions, options))
}

async function install(context: CliContext, extensions: string[], options: Options): Promise<void> {
  const outcomes = await withSession(context, options, (session) =>
    runBatch<Done>(context, session, extensions, async (spec) => {
      const before = new Set((await listExtensions(session)).map(({ name }) => name))
      await session.execute(createStatement(spec, options))
      const outcome = before.has(spec.name.short) ? 'present' : 'installed'
      return { outcome, extensions: await whatIsNew(session, spec, before) }
    }),
  )
  reportBatch(context, outcomes, { installed: 'installed', present: 'there already' }, options.json ?? false)
}

/** IF NOT EXISTS, so that a script can be run again; another provider of the name is an error all the same. */
function createStatement({ text, version }: ExtensionSpec, { schema, cascade }: Options): string {
  return [
    `CREATE EXTENSION IF NOT EXISTS ${quoteIdentifier(text)}`,
    schema === undefined ? [] : `SCHEMA ${quoteIdentifier(schema)}`,
    version === undefined ? [] : `VERSION ${quoteVersion(version)}`,
    cascade ? 'CASCADE' : [],
  ]
    .flat()
    .join(' ')
}

/** The one that was asked for first, then what came with it. */
async function whatIsNew(session: Session, { name, version }: ExtensionSpec, before: Set<string>): Promise<Named[]> {
  const after = await listExtensions(session)
  const asked = after.find((extension) => extension.name === name.short)
  if (asked === undefined) {
    throw new PginstallError('undefined_extension', `extension "${name.short}" was dropped by somebody else meanwhile`)
  }
  const found = namedOf(asked)
  if (version !== undefined && version !== found.version && version !== asked.sql_version) {
    throw new PginstallError('duplicate_object', `extension "${name.short}" is installed in another version`, {
      detail: `It has version "${found.version}", not "${version}".`,
      hint: `Change it with: pginstall update ${name.short}=${version}`,
    })
  }
  const beside = after.filter((extension) => extension !== asked && !before.has(extension.name))
  return [found, ...beside.map(namedOf)]
}
