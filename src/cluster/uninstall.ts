// Taking back what set-up did, in the order that locks nobody out: no setting names the module before its file goes.
import { existsSync, readdirSync } from 'node:fs'
import { rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runProcess } from '../adapters/process.ts'
import { answers } from '../adapters/socket.ts'
import { PginstallError } from '../model/errors.ts'
import { installedFiles, modulePath, planFileLeftovers, removeFile } from './extension-files.ts'
import type { Cluster } from './locate.ts'
import type { Step } from './plan.ts'
import { disable, findUsers, type Role, readServerSettings } from './server-settings.ts'
import { hasTemplate, hasUmbrella, stopService, stopUmbrella, type UnitOptions, unitFiles } from './service-unit.ts'
import { planServiceUserRemoval } from './service-user.ts'
import { withSession } from './session.ts'
import { changesForUninstall, libraryName, splitLibraries } from './setting-values.ts'
import { describeChanges, requireRights, sidecarUser } from './setup.ts'
import { isManaged, planUnitRemoval } from './systemd.ts'
import { planUnlinks } from './tsearch.ts'

export type UninstallOptions = {
  target: string
  /** Undefined when its data directory is gone. */
  cluster: Cluster | undefined
  role: Role
  targetDirectory: string
  /** Of its sidecar. */
  socket: string
  unit: UnitOptions
  /** Whether another target has the same installation. */
  sharesInstallation: boolean
  /** Whether it is the last target of the machine. */
  isLast: boolean
  signal: AbortSignal
}

const removeTimeLimitMs = 600_000

/** Made by sidecars below `directory`, for all targets. */
const commonFolders = ['store', 'files', 'incoming', 'repositories']

/**
 * @throws PginstallError io_error when the server cannot be asked; dependent_objects_still_exist
 */
export async function planUninstall(options: UninstallOptions): Promise<Step[]> {
  const { cluster, unit, target, targetDirectory, isLast, signal } = options
  if (cluster !== undefined) requireRights(cluster)
  return [
    ...(cluster === undefined ? [] : await planServer(options, cluster)),
    ...(isManaged(unit.unitDirectory) && hasTemplate(unit.unitDirectory) && existsSync(targetDirectory)
      ? [{ what: `stop service pginstall-sidecar@${target}`, run: () => stopService(target, signal) }]
      : []),
    ...planSocket(options.socket),
    ...planFolders(
      [target, ...(isLast ? commonFolders : [])].map((name) => join(unit.directory, name)),
      signal,
    ),
    ...(isLast ? planLast(unit, signal) : []),
    ...planTargetSettings(targetDirectory, unit.configDirectory),
  ]
}

/** The last to go: it says what there is to take back. */
function planTargetSettings(targetDirectory: string, configDirectory: string): Step[] {
  if (!existsSync(targetDirectory)) return []
  return [
    {
      what: `remove ${targetDirectory}`,
      async run() {
        await rm(targetDirectory, { recursive: true })
        for (const path of [dirname(targetDirectory), configDirectory]) await removeIfEmpty(path)
      },
    },
  ]
}

async function planServer(options: UninstallOptions, cluster: Cluster): Promise<Step[]> {
  const { role, signal, unit, target } = options
  if (cluster.server === undefined) {
    throw new PginstallError('io_error', `cluster "${cluster.dataDirectory}" does not run`, {
      detail: 'Only the server can say that nothing needs the module any more.',
      hint: 'Start it and type the same again.',
    })
  }
  const libraryDirectory = join(unit.directory, target, 'lib')
  await requireNoDependents(cluster, role, libraryDirectory)
  const changes = changesForUninstall(await readServerSettings(cluster, role), libraryDirectory)
  const steps: Step[] = []
  if (changes.length > 0) {
    steps.push({
      what: `ALTER SYSTEM and reload: ${describeChanges(changes)}`,
      run: () => disable(cluster, role, changes, signal),
    })
  }
  if (options.sharesInstallation) return steps
  return [...steps, ...planUnlinks(cluster.installation, unit.directory), ...planFiles(cluster, role, libraryDirectory)]
}

function planFiles(cluster: Cluster, role: Role, libraryDirectory: string): Step[] {
  const { installation } = cluster
  const check = async () => {
    await requireNoDependents(cluster, role, libraryDirectory)
    const users = await findUsers(cluster, role)
    if (users.length === 0) return
    throw new PginstallError('object_in_use', `${modulePath(installation)} may still be needed`, {
      detail: users.join('\n'),
      hint: 'Then type the same again. The settings are taken out already: new sessions are without it.',
    })
  }
  const removals = installedFiles(installation)
    .reverse()
    .map((path) => ({
      what: `remove ${path}`,
      async run() {
        // Asked again each time: whoever was interrupted comes here without the step before.
        await check()
        await removeFile(path)
      },
    }))
  return [...planFileLeftovers(installation), ...removals]
}

/** Functions that nobody could call any more, and with them types, indexes and whole databases. */
async function requireNoDependents(cluster: Cluster, role: Role, libraryDirectory: string): Promise<void> {
  const links = existsSync(libraryDirectory) ? readdirSync(libraryDirectory) : []
  const modules = links.filter((file) => file.endsWith('.so')).map((file) => file.slice(0, -'.so'.length))
  const databases = await withSession(cluster, { role, preload: false }, (session) =>
    session.query<{ name: string }>('SELECT datname AS name FROM pg_catalog.pg_database WHERE datallowconn ORDER BY 1'),
  )
  const dependents: string[] = []
  for (const { name: database } of databases) {
    const rows = await withSession(cluster, { role, database, preload: false }, (session) =>
      session.query<{ name: string }>(
        `SELECT DISTINCT coalesce(e.extname, p.proname) AS name FROM pg_catalog.pg_proc p
           LEFT JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
           LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_catalog.pg_extension'::regclass
         WHERE p.probin = ANY ($1)
         UNION SELECT extname FROM pg_catalog.pg_extension WHERE extname = $2 ORDER BY 1`,
        [[...modules, `$libdir/${libraryName}`, libraryName], libraryName],
      ),
    )
    if (rows.length > 0) dependents.push(`Database "${database}": ${rows.map(({ name }) => name).join(', ')}.`)
  }
  const preloaded = splitLibraries((await readServerSettings(cluster, role)).shared_preload_libraries?.value ?? '')
  const needed = preloaded.filter((library) => modules.includes(library))
  if (needed.length > 0)
    dependents.push(`shared_preload_libraries: ${needed.join(', ')}, without which no server starts.`)
  if (dependents.length === 0) return
  throw new PginstallError('dependent_objects_still_exist', 'databases still have extensions that came by pginstall', {
    detail: dependents.join('\n'),
    hint: 'Drop them with DROP EXTENSION, "pginstall" last, take modules out with "pginstall preload remove", and type the same again.',
  })
}

/** One that nobody has told us of would make anew what is removed under it. */
function planSocket(socket: string): Step[] {
  if (!existsSync(socket)) return []
  return [
    {
      what: `remove ${socket}`,
      async run() {
        if (await answers(socket)) {
          throw new PginstallError('object_in_use', `a sidecar listens on "${socket}"`, {
            hint: 'Stop it and type the same again. The settings are taken out already.',
          })
        }
        await rm(socket, { force: true })
      },
    },
  ]
}

/** By rm(1), which follows no link: what lies there is a less privileged user's, who may exchange it as we go. */
function planFolders(paths: string[], signal: AbortSignal): Step[] {
  return paths.filter(existsSync).map((path) => ({
    what: `remove ${path}`,
    async run() {
      await runProcess('rm', ['-rf', '--one-file-system', '--', path], { signal, timeoutMs: removeTimeLimitMs })
    },
  }))
}

function planLast(unit: UnitOptions, signal: AbortSignal): Step[] {
  const { unitDirectory, directory, socketDirectory } = unit
  return [
    ...(isManaged(unitDirectory) && hasUmbrella(unitDirectory)
      ? [{ what: 'stop service pginstall-sidecar', run: () => stopUmbrella(signal) }]
      : []),
    ...planUnitRemoval(unitFiles, unitDirectory, signal),
    ...[directory, socketDirectory]
      .filter(existsSync)
      .map((path) => ({ what: `remove ${path}, if it is empty`, run: () => removeIfEmpty(path) })),
    ...planServiceUserRemoval(sidecarUser(unit), signal),
  ]
}

async function removeIfEmpty(path: string): Promise<void> {
  try {
    await rmdir(path)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code !== 'ENOTEMPTY' && code !== 'ENOENT' && code !== 'EEXIST') throw cause
  }
}
