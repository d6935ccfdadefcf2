// pginstall tsearch: links for the text search files of extensions in the installation of a cluster.
import { join } from 'node:path'
import type { Command } from 'commander'
import { readPgConfig } from '../../adapters/pg-config.ts'
import { readSettings } from '../../adapters/settings.ts'
import { withTarget } from '../../adapters/targets.ts'
import { carryOut, type Step } from '../../cluster/plan.ts'
import { planLinks, planUnlinks } from '../../cluster/tsearch.ts'
import { listArchives, type StoredArchiveEntry } from '../../install/store-contents.ts'
import { PginstallError } from '../../model/errors.ts'
import { type ExtensionSpec, parseExtensionSpec } from '../../model/extension-spec.ts'
import type { ExtensionName } from '../../model/names.ts'
import { majorOf } from '../../model/platform.ts'
import { tsearchFiles } from '../../model/tsearch-files.ts'
import { compareVersions } from '../../model/version-order.ts'
import type { CliContext } from '../context.ts'

type Options = { target?: string; dryRun?: true }

export function addTsearchCommand(program: Command, context: CliContext): void {
  const tsearch = program
    .command('tsearch')
    .description('text search files of extensions, which a server looks for in its own directory; as root')
  const add = (name: 'link' | 'unlink', description: string) =>
    tsearch
      .command(name)
      .description(description)
      .argument(
        '<extension>',
        'short or full name of an extension in the store; NAME=VERSION for a version that is not the newest',
      )
      .option('--target <name>', 'which cluster, as "pginstall setup" has named it')
      .option('--dry-run', 'show what would be done, and do nothing')
  add('link', 'link its text search files into the installation of a cluster').action(
    (extension: string, options: Options) => run(context, parseExtensionSpec(extension), options, link),
  )
  add('unlink', 'take these links away').action((extension: string, options: Options) =>
    run(context, parseExtensionSpec(extension), options, (archives, installation, directory) =>
      planUnlinks(installation, directory, ownedBy(archives)),
    ),
  )
}

type Plan = (
  archives: StoredArchiveEntry[],
  installation: Awaited<ReturnType<typeof readPgConfig>>,
  directory: string,
  version: string | undefined,
) => Step[]

async function run(context: CliContext, { name, version }: ExtensionSpec, options: Options, plan: Plan): Promise<void> {
  const { configDirectories: given, signal } = context
  const { directory, pg_config } = readSettings(
    options.target === undefined ? given : withTarget(given, options.target),
  )
  const installation = await readPgConfig(pg_config, signal)
  const major = majorOf(installation.versionNum)
  const found = listArchives(directory).filter(
    (archive) =>
      (archive.major ?? major) === major &&
      (name.kind === 'full' ? archive.fullName === name.full : archive.name === name.short),
  )
  const steps = plan(oneProvider(name, found), installation, directory, version)
  if (options.dryRun) for (const { what } of steps) context.out(what)
  else await carryOut(steps, signal, (what) => context.progress(`pginstall tsearch: ${what}`))
  if (steps.length === 0) context.progress('pginstall tsearch: everything is as it should be')
}

/** @throws PginstallError undefined_extension, ambiguous_extension */
function oneProvider(name: ExtensionName, found: StoredArchiveEntry[]): StoredArchiveEntry[] {
  const providers = [...new Set(found.map(({ fullName }) => fullName))]
  const text = name.kind === 'full' ? name.full : name.short
  if (providers.length > 1) {
    throw new PginstallError('ambiguous_extension', `extension short name "${text}" matches several providers`, {
      detail: `The store has ${providers.map((provider) => `"${provider}"`).join(', ')}.`,
      hint: 'Please use the full name.',
    })
  }
  if (providers.length === 1) return found
  throw new PginstallError('undefined_extension', `the store has no extension "${text}" for this server`, {
    detail: 'CREATE EXTENSION brings it, also when it then asks for this command.',
    hint: '"pginstall list" shows what there is.',
  })
}

/** @throws PginstallError undefined_file, duplicate_object */
const link: Plan = (archives, installation, directory, version) => {
  const withFiles = archives
    .map((archive) => ({ archive, files: filesOf(archive) }))
    .filter(({ files, archive }) => files.length > 0 && (version ?? archive.version) === archive.version)
  const newest = withFiles.toSorted((a, b) => compareVersions(b.archive.version, a.archive.version))[0]
  if (newest === undefined) {
    const which = version === undefined ? 'No version' : `No version ${version}`
    throw new PginstallError('undefined_file', `extension "${archives[0]?.fullName}" has no text search files`, {
      detail: `${which} of it in the store has any.`,
    })
  }
  return planLinks(newest.files, installation, directory, ownedBy(archives))
}

function filesOf({ name, path, files }: StoredArchiveEntry): string[] {
  const inArchive = files.map((file) => ({ ...file, path: file.path.slice(path.length + 1) }))
  return tsearchFiles({ name, files: inArchive }).map((file) => join(path, file))
}

/** Also of a version that is not in the store any more. */
function ownedBy(archives: StoredArchiveEntry[]): (file: string) => boolean {
  const flat = archives[0]?.fullName.replaceAll('/', '+')
  return (file) => file.includes(`/${flat}/`)
}
