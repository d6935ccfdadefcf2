// pginstall build: makes archives of an extension's source.
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { findUser } from '../../adapters/privileges.ts'
import type { BuiltArchive } from '../../build/build.ts'
import { PginstallError } from '../../model/errors.ts'
import { parseExtensionName } from '../../model/names.ts'
import type { CliContext } from '../context.ts'

type Options = {
  fullName: string
  pgConfig?: string[]
  output: string
  log?: string
  buildNumber: number
  requires?: Record<string, string>
  json?: boolean
}

export function addBuildCommand(program: Command, context: CliContext): void {
  program
    .command('build')
    .description('build archives of an extension, one for each control file and PostgreSQL installation')
    .argument('[source]', 'directory with the Makefile, or a URI that git clones', '.')
    .requiredOption('--full-name <name>', 'full name of the extension, such as github.com/dim/prefix')
    .option(
      '--pg-config <path>',
      'pg_config to build with; may be given again (default: the setting pg_config)',
      collect,
    )
    .option('--output <directory>', 'where archives go', '.')
    .option('--log <directory>', 'where build logs go (default: the output directory)')
    .option(
      '--build-number <number>',
      'number in the file name; a rebuild of what is published has the next',
      readNumber,
      1,
    )
    .option(
      '--requires <name=full>',
      'provider of a required extension that does not come with PostgreSQL; may be given again',
      collectRequires,
    )
    .option('--json', 'what was built, as JSON')
    .action((source: string, options: Options) => runBuild(context, source, options))
}

async function runBuild(context: CliContext, source: string, options: Options): Promise<void> {
  const { buildExtension } = await import('../../build/build.ts')
  const { isGitUri } = await import('../../build/checkout.ts')
  // The build user has to reach what root writes for it.
  process.umask(0o022)
  const settings = context.settings()
  const built = await buildExtension({
    source: isGitUri(source) ? source : resolve(source),
    fullName: options.fullName,
    pgConfigs: options.pgConfig ?? [settings.pg_config],
    outputDirectory: resolve(options.output),
    logDirectory: resolve(options.log ?? options.output),
    buildRoot: settings.build_root || tmpdir(),
    buildNumber: options.buildNumber,
    requires: options.requires ?? {},
    ...(process.getuid?.() === 0 ? { user: findUser(settings.build_user) } : {}),
    gmake: settings.gmake,
    signal: context.signal,
    onProgress: context.progress,
  })
  if (options.json) context.out(JSON.stringify(built.map(describe), null, 2))
  else for (const { file } of built) context.out(file)
}

function describe({ file, identity, manifest, sha256, size }: BuiltArchive): unknown {
  return { file, identity, sha256, size, manifest }
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}

function collectRequires(value: string, before: Record<string, string> = {}): Record<string, string> {
  const at = value.indexOf('=')
  const name = value.slice(0, at)
  if (at < 1 || parseExtensionName(name).kind !== 'short') {
    throw new PginstallError('invalid_parameter_value', `invalid --requires: "${value}"`, {
      hint: 'Write the short name and the full name of its provider: --requires ip4r=github.com/RhodiumToad/ip4r.',
    })
  }
  return { ...before, [name]: value.slice(at + 1) }
}

function readNumber(value: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(value)) {
    throw new PginstallError('invalid_parameter_value', `invalid --build-number: "${value}"`, {
      hint: 'Build numbers begin with 1.',
    })
  }
  return Number(value)
}
