// Before pg_upgrade: the modules of the old cluster's databases for the new installation, and what would stop the upgrade.
import { join } from 'node:path'
import type { Settings } from '../adapters/settings.ts'
import { askForModule, askSidecarStatus } from '../adapters/sidecar-client.ts'
import { PginstallError } from '../model/errors.ts'
import { error, type Finding, failure, ok, warning } from '../model/finding.ts'
import { parseLibraryName } from '../model/names.ts'
import { majorOf, type RunningServer } from '../model/platform.ts'
import { readServerFacts } from './built-against.ts'
import type { Cluster } from './locate.ts'
import type { Role } from './server-settings.ts'
import { isSamePath, splitLibraries, splitPath } from './setting-values.ts'
import { readStoppedSettings } from './stopped-settings.ts'
import { type NeededModule, readUpgradeNeeds, type UpgradeNeeds } from './upgrade-needs.ts'
import { type TrialOutcome, tryLibraries } from './upgrade-trial.ts'

/** The cluster that is upgraded to, and the settings of its target. */
export type NewCluster = { cluster: Cluster; target: Settings }

/** A module that we brought: its own name, and its provider's. */
type OurModule = NeededModule & { module: string; fullName: string }

/**
 * Has the new target's sidecar place what is missing, and tells of all that was looked at. Nothing of either cluster is
 * changed. The old one must run.
 * @throws PginstallError invalid_parameter_value, io_error when the old cluster cannot be asked
 */
export async function* prepareUpgrade(
  old: Cluster,
  { cluster, target }: NewCluster,
  { role, signal }: { role: Role; signal: AbortSignal },
): AsyncGenerator<Finding> {
  const [from, to] = [old, cluster].map(({ installation }) => majorOf(installation.versionNum)) as [number, number]
  if (from >= to) {
    throw new PginstallError('invalid_parameter_value', `cannot upgrade from PostgreSQL ${from} to ${to}`, {
      hint: 'Give the old cluster with --old and the new one with --new.',
    })
  }
  const needs = await readUpgradeNeeds(old, role)
  const counted = `${needs.databases.length} databases with ${needs.modules.length} modules`
  yield ok(
    'clusters',
    `PostgreSQL ${from} in "${old.dataDirectory}" to ${to} in "${cluster.dataDirectory}": ${counted}`,
  )
  for (const name of needs.closed) yield closedDatabase(name)
  const libraryDirectory = join(target.directory, target.target, 'lib')
  const settings = await readNewSettings(cluster, signal)
  yield* checkSettings(settings, libraryDirectory, needs, target)
  const ours = needs.modules.flatMap(recognise)
  const missing = yield* placeModules(ours, needs, target, cluster, signal)
  const wanted = needs.modules.filter(({ library }) => !missing.has(library))
  const path = splitPath(settings.dynamic_library_path)
  const outcome = await tryLibraries(
    cluster,
    wanted.map(({ library }) => library),
    { ...settings, dynamic_library_path: [...path, libraryDirectory].join(':') },
    signal,
  )
  yield* judgeTrial(wanted, ours, outcome, { from, to, target })
}

function closedDatabase(name: string): Finding {
  const hint = `pg_upgrade wants: ALTER DATABASE "${name}" ALLOW_CONNECTIONS true; then type the same again.`
  return error('databases', `database "${name}" lets nobody in, so it was not looked into`, hint)
}

function recognise(needed: NeededModule): OurModule[] {
  try {
    return [{ ...needed, ...parseLibraryName(needed.library) }]
  } catch {
    return []
  }
}

type NewSettings = { dynamic_library_path: string; shared_preload_libraries: string }

/** What its next start will have: pg_upgrade starts it. */
async function readNewSettings(cluster: Cluster, signal: AbortSignal): Promise<NewSettings> {
  const files = await readStoppedSettings(cluster, signal)
  return {
    dynamic_library_path: files.dynamic_library_path?.value ?? '',
    shared_preload_libraries: files.shared_preload_libraries?.value ?? '',
  }
}

function* checkSettings(
  settings: NewSettings,
  libraryDirectory: string,
  needs: UpgradeNeeds,
  { target }: Settings,
): Generator<Finding> {
  const { dynamic_library_path: path, shared_preload_libraries: preloaded } = settings
  if (splitPath(path).some((item) => isSamePath(item, libraryDirectory))) {
    yield ok('settings', `dynamic_library_path of the new cluster has "${libraryDirectory}"`)
  } else {
    const message = `dynamic_library_path of the new cluster is "${path}", without "${libraryDirectory}"`
    yield error('settings', message, `pginstall setup --target ${target}`)
  }
  const libraries = splitLibraries(preloaded)
  const lacking = needs.preloaded.filter((library) => !libraries.includes(library))
  if (lacking.length === 0) return
  yield warning(
    'settings',
    `the old cluster preloads ${lacking.join(', ')}, the new one does not`,
    `For those still wanted: pginstall preload add NAME --target ${target}; or set shared_preload_libraries there.`,
  )
}

/** Answers with the libraries that could not be placed. */
async function* placeModules(
  ours: OurModule[],
  needs: UpgradeNeeds,
  target: Settings,
  { installation }: Cluster,
  signal: AbortSignal,
): AsyncGenerator<Finding, Set<string>> {
  const missing = new Set<string>()
  let server: RunningServer
  try {
    server = readServerFacts(installation)
    await requireSidecar(target, signal)
  } catch (thrown) {
    signal.throwIfAborted()
    yield failure('sidecar', thrown, `Start it: systemctl start pginstall-sidecar@${target.target}`)
    return new Set(ours.map(({ library }) => library))
  }
  for (const { library, fullName, users } of ours) {
    const recorded = needs.recorded.get(fullName)
    try {
      const version = await askForModule(target.socket, { library, version: recorded, server }, signal)
      const was = recorded === undefined ? 'not recorded' : recorded
      const change = version === recorded ? '' : ` (it was ${was})`
      yield ok('module', `"${library}" is in place, version ${version}${change}: ${users.join(', ')}`)
    } catch (thrown) {
      signal.throwIfAborted()
      missing.add(library)
      const found = failure('module', thrown, 'See the log of the sidecar.')
      yield { ...found, message: `"${library}" of ${users.join(', ')}: ${found.message}` }
    }
  }
  const placed = new Set(ours.map(({ fullName }) => fullName))
  for (const [fullName, version] of needs.recorded) {
    if (!placed.has(fullName)) yield ok('module', `"${fullName}" ${version} has none, and needs nothing`)
  }
  return missing
}

/** It would place its modules where another cluster looks for them. */
async function requireSidecar({ socket, target, directory }: Settings, signal: AbortSignal): Promise<void> {
  const answer = await askSidecarStatus(socket, signal)
  if (answer.target === target && answer.directory === directory) return
  throw new PginstallError('object_in_use', `the sidecar on "${socket}" serves target "${answer.target}"`, {
    detail: `It works in "${answer.directory}"; the new cluster is target "${target}" in "${directory}".`,
    hint: `Restart it: systemctl restart pginstall-sidecar@${target}`,
  })
}

function* judgeTrial(
  wanted: NeededModule[],
  ours: OurModule[],
  { preload, faults }: TrialOutcome,
  { from, to, target }: { from: number; to: number; target: Settings },
): Generator<Finding> {
  if (preload !== undefined) {
    const hint = 'Mend shared_preload_libraries of the new cluster, or its server does not start.'
    yield error('preload', `the new server does not start with its preloaded modules: ${preload}`, hint)
  }
  for (const { library, users } of wanted) {
    const fault = faults.get(library)
    const own = ours.find((module) => module.library === library)
    const twins = ours.filter(({ module, fullName }) => module === own?.module && fullName !== own.fullName)
    const beside = twins.map((twin) => `"${twin.library}"`).join(', ')
    if (fault === undefined && beside === '') continue
    const what = `"${library}" of ${users.join(', ')}`
    if (fault === undefined) {
      const message = `${what} has the name of ${beside}: pg_upgrade loads them in one session, where one may call the other`
      yield warning('providers', message, 'They were loaded so for a trial, and that went well.')
    } else if (beside !== '') {
      const hint = 'Move one of the databases by pg_dump, or drop the extension there before the upgrade.'
      yield error('providers', `${what} cannot be loaded beside ${beside}, as pg_upgrade does: ${fault}`, hint)
    } else yield error('load', `${what} cannot be loaded by the new server: ${fault}`, hintFor(library, own))
  }
  if (faults.size === 0) yield ok('load', 'the new server loads all modules in one session, as pg_upgrade will')

  function hintFor(library: string, own: OurModule | undefined): string {
    if (own !== undefined) return 'If it wants to be preloaded, set shared_preload_libraries of the new cluster first.'
    if (library.startsWith('$libdir/pginstall')) return `pginstall setup --target ${target.target}`
    if (library.startsWith('/')) return 'Its functions name a file: make them anew with a bare name, or drop them.'
    return `It came from elsewhere: install for PostgreSQL ${to} what brought it for ${from}, or drop it.`
  }
}
