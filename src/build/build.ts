// Builds a source against PostgreSQL installations: checkout, make, collect, pack.
import { appendFileSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { readNeeds } from '../adapters/elf.ts'
import { readOsName } from '../adapters/os-name.ts'
import { type PgConfig, readBuiltAgainst, readPgConfig } from '../adapters/pg-config.ts'
import type { UserIds } from '../adapters/privileges.ts'
import { canContain } from '../adapters/process.ts'
import { PginstallError } from '../model/errors.ts'
import { flattenFullName, parseFullName } from '../model/names.ts'
import { majorOf, type Needs } from '../model/platform.ts'
import { BuildSpace } from './build-space.ts'
import { checkOut } from './checkout.ts'
import { collectStage } from './collect.ts'
import { describeArchive } from './describe.ts'
import { type BuiltArchive, keepArchive } from './keep.ts'
import { type ArchivePlan, planArchives } from './layout.ts'
import { makeInstall, stripModules } from './make.ts'

export type BuildOptions = {
  /** A directory, or a URI that git clones. */
  source: string
  fullName: string
  /** Paths of pg_config programs. */
  pgConfigs: string[]
  outputDirectory: string
  logDirectory: string
  /** Directory for scratch files; nothing is left there. */
  buildRoot: string
  /** From 1; a rebuild of what is published has the next. */
  buildNumber: number
  /** Short name to full name, of required extensions that do not come with PostgreSQL. */
  requires: Record<string, string>
  /** Whom the build runs as when we are root; nobody, without. */
  user?: UserIds
  gmake: string
  signal: AbortSignal
  onProgress: (line: string) => void
}

export type { BuiltArchive }

const findTimeoutMs = 60_000
const maxLogBytes = 64 * 1024 ** 2

/**
 * Builds one archive for each control file of the source and each pg_config. An SQL-only extension gives one for all.
 * Nothing of the source is run as root; the umask must let the build user read what we write, 022 does. An archive that exists already with the same bytes is left alone.
 * @throws PginstallError build_failed, config_file_error, invalid_name, invalid_parameter_value, duplicate_object,
 * query_canceled
 */
export async function buildExtension(options: BuildOptions): Promise<BuiltArchive[]> {
  parseFullName(options.fullName)
  for (const provider of Object.values(options.requires)) parseFullName(provider)
  await mkdir(options.outputDirectory, { recursive: true })
  await mkdir(options.logDirectory, { recursive: true })
  const { buildRoot, user, signal } = options
  await using pristine = await BuildSpace.create({ buildRoot, user, signal })
  if (pristine.user !== undefined && !(await canContain())) {
    options.onProgress('no PID namespaces here: a process that a build leaves behind is not ended with it')
  }
  options.onProgress(`checking out ${options.source}`)
  const sourceRevision = await checkOut(options.source, pristine)
  const archives = new Map<string, BuiltArchive>()
  for (const pgConfig of options.pgConfigs) {
    const pg = await readPgConfig(pgConfig, signal)
    for (const archive of await buildFor(pg, pristine, sourceRevision, options)) archives.set(archive.identity, archive)
  }
  return [...archives.values()]
}

async function buildFor(
  pg: PgConfig,
  pristine: BuildSpace,
  sourceRevision: string,
  options: BuildOptions,
): Promise<BuiltArchive[]> {
  const { signal, onProgress } = options
  const builtAgainst = await readBuiltAgainst(pg, signal)
  const log = await createLog(options, majorOf(pg.versionNum))
  onProgress(`building ${options.fullName} for ${pg.version}, log in ${log}`)
  await using space = await pristine.copy()
  const stage = await makeInstall(space, {
    pg,
    gmake: options.gmake,
    onLine: appendLines(log),
  }).catch((cause: unknown) => {
    throw withLog(cause, log)
  })
  const modules = await space.run(
    'find',
    [join(stage, pg.pkglibdir), '-maxdepth', '1', '-name', '*.so', '-type', 'f'],
    {
      cwd: space.root,
      timeoutMs: findTimeoutMs,
    },
  )
  await stripModules(space, modules)
  const { plans, leftOut } = await planArchives(await collectStage(space, stage), pg, options.fullName)
  for (const path of leftOut) onProgress(`no archive has a place for ${path}`)
  const built: BuiltArchive[] = []
  for (const plan of plans) {
    const requires = { ...providersAmong(plans), ...options.requires }
    const needs = await needsOf(plan, pg, space, signal)
    const manifest = await describeArchive(plan, { sourceRevision, builtAgainst, os: readOsName(), needs, requires })
    built.push(await keepArchive(manifest, plan.files, options))
  }
  return built
}

async function needsOf(plan: ArchivePlan, pg: PgConfig, space: BuildSpace, signal: AbortSignal): Promise<Needs | null> {
  const modules = plan.files.filter(({ kind }) => kind === 'module').map(({ source }) => source)
  return modules.length === 0 ? null : readNeeds(modules, join(pg.bindir, 'postgres'), { signal, user: space.user })
}

/** Extensions of one source may require each other. */
function providersAmong(plans: ArchivePlan[]): Record<string, string> {
  return Object.fromEntries(plans.map(({ name, fullName }) => [name, fullName]))
}

/** A new file for each build: the log of a failure must outlive the next try. */
async function createLog({ fullName, logDirectory }: BuildOptions, major: number): Promise<string> {
  const time = new Date().toISOString().replace(/[:.]/g, '')
  const path = join(logDirectory, `${flattenFullName(fullName)}--pg${major}--${time}.log`)
  const file = await open(path, 'wx', 0o644)
  await file.close()
  return path
}

/** A source may write without end; what compilers have to say of the largest of them is a tenth of this. */
function appendLines(log: string): (line: string) => void {
  let left = maxLogBytes
  return (line) => {
    left -= Buffer.byteLength(line) + 1
    if (left < 0) throw new PginstallError('program_limit_exceeded', `its output has more than ${maxLogBytes} bytes`)
    appendFileSync(log, `${line}\n`)
  }
}

/** The end of the compiler's output as detail, and where the rest is. */
function withLog(cause: unknown, log: string): unknown {
  if (!(cause instanceof PginstallError && cause.is('build_failed'))) return cause
  return new PginstallError('build_failed', cause.message, {
    ...(cause.detail === undefined ? {} : { detail: cause.detail }),
    hint: cause.hint ?? `The whole log is in "${log}".`,
    cause,
  })
}
