// pginstall info: all that is known of one extension: installed, in repositories, with PostgreSQL itself.
import type { Command } from 'commander'
import type { ConnectionOptions } from '../../adapters/connection.ts'
import {
  type DatabaseExtension,
  type FoundExtension,
  findBuiltin,
  listExtensions,
  searchExtensions,
} from '../../adapters/database-extensions.ts'
import { PginstallError } from '../../model/errors.ts'
import { type ExtensionName, parseExtensionName } from '../../model/names.ts'
import type { ReleaseSummary } from '../../model/release-summary.ts'
import { addConnectionOptions, withSession } from '../connect.ts'
import type { CliContext } from '../context.ts'
import { formatFields, formatTable } from '../table.ts'
import { describeState } from './search.ts'

type Options = ConnectionOptions & { json?: true }

type Info = {
  name: string
  installed: DatabaseExtension | null
  /** What PostgreSQL itself has under the name. */
  builtin: { name: string; version: string; description: string } | null
  /** One for each provider and repository. */
  available: FoundExtension[]
}

export function addInfoCommand(program: Command, context: CliContext): void {
  addConnectionOptions(
    program
      .command('info')
      .description('show what is known of an extension: installed here, in repositories, with PostgreSQL itself')
      .argument('<extension>', 'short or full name'),
  )
    .option('--json', 'as JSON')
    .action((extension: string, options: Options) => info(context, parseExtensionName(extension), options))
}

async function info(context: CliContext, name: ExtensionName, options: Options): Promise<void> {
  const text = name.kind === 'full' ? name.full : name.short
  const isMeant = (extension: { name: string; full_name: string | null }) =>
    name.kind === 'full' ? extension.full_name === name.full : extension.name === name.short
  const known = await withSession(context, options, async (session): Promise<Info> => {
    const installed = (await listExtensions(session)).find(isMeant) ?? null
    const builtin = name.kind === 'short' ? ((await findBuiltin(session, name.short)) ?? null) : null
    const { extensions } = await searchExtensions(session, text)
    return { name: text, installed, builtin, available: extensions.filter(isMeant) }
  })
  if (known.installed === null && known.builtin === null && known.available.length === 0) {
    throw new PginstallError('undefined_extension', `extension "${text}" is not known here`, {
      detail: 'It is not installed in this database, and no repository that was asked so far has it.',
      hint: 'The indexes are those that the sidecar last saw: "pginstall status" says when.',
    })
  }
  if (options.json) context.out(JSON.stringify(known, null, 2))
  else context.out(describeInfo(known).join('\n'))
}

function describeInfo({ installed, builtin, available }: Info): string[] {
  const blocks = [
    installed === null ? [] : describeInstalled(installed),
    builtin === null
      ? []
      : formatFields([
          ['with PostgreSQL', builtin.name],
          ['version', builtin.version],
          ['description', builtin.description],
        ]),
    ...available.map(describeAvailable),
  ]
  return blocks.filter((block) => block.length > 0).flatMap((block, i) => (i === 0 ? block : ['', ...block]))
}

function describeInstalled(extension: DatabaseExtension): string[] {
  return formatFields([
    ['installed', extension.full_name ?? extension.name],
    ['version', extension.version ?? extension.sql_version],
    ['SQL version', extension.version === null ? undefined : extension.sql_version],
    ['repository', extension.repository ?? undefined],
    ['archive', extension.digest ?? undefined],
    ['since', extension.installed_at?.toISOString()],
  ])
}

function describeAvailable(extension: FoundExtension): string[] {
  const { full_name, version, repository, description, releases = [], more_releases: more = 0 } = extension
  const rows = releases.map((release) => [release.version, stateOf(release), needsOf(release)])
  return [
    ...formatFields([
      ['available', full_name],
      ['version', version],
      ['repository', repository],
      ['runs here', describeState(extension)],
      ['description', description],
    ]),
    ...formatTable(['VERSION', 'RUNS HERE', 'NEEDS'], rows),
    ...(more === 0 ? [] : [`and ${more} older versions`]),
  ]
}

function stateOf(release: ReleaseSummary): string {
  return release.yanked ? 'withdrawn' : describeState(release)
}

/** Of the archive that runs here, else what each of them lacks. */
function needsOf({ archives }: ReleaseSummary): string {
  const suitable = archives.find(({ unmet }) => unmet.length === 0)
  if (suitable === undefined) return [...new Set(archives.flatMap(({ unmet }) => unmet))].join(' ')
  const { postgresql, architecture, libraries, requires } = suitable
  const needs = [
    postgresql === null ? 'any PostgreSQL' : `PostgreSQL ${postgresql}`,
    architecture ?? [],
    libraries,
    requires.map((name) => `extension ${name}`),
  ]
  return needs.flat().join(', ')
}
