// Setting a cluster up for pginstall: what is missing on this machine, in an order in which every login works after
// each step. The module is there before a setting names it.
import { existsSync, statSync } from 'node:fs'
import { chown, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readSettingSources, type SettingName, writeSetting } from '../adapters/settings.ts'
import { PginstallError } from '../model/errors.ts'
import { changedFiles, placeFile, planFileLeftovers } from './extension-files.ts'
import type { Cluster } from './locate.ts'
import type { Step } from './plan.ts'
import { enable, findOverrides, type Role, readServerSettings } from './server-settings.ts'
import { instance, renderUnits, startService, type UnitOptions, unitFiles } from './service-unit.ts'
import { findServiceUser, planServiceUser, type ServiceUser } from './service-user.ts'
import { type Change, changesForSetup, joinLibraries } from './setting-values.ts'
import { changeStoppedSettings, readStoppedSettings } from './stopped-settings.ts'
import { changedUnits, isManaged, isServing, planUnitLeftovers, planUnits, remarkOnProgram } from './systemd.ts'

export type SetupOptions = {
  target: string
  cluster: Cluster
  /** Superuser to connect as, when it is not named as the server's OS user. */
  role: Role
  /** Besides, in shared_preload_libraries. */
  shared: boolean
  /** Directory of the target's own settings. */
  targetDirectory: string
  /** Of the sidecar. */
  socket: string
  unit: UnitOptions
  signal: AbortSignal
}

/**
 * What is missing. `staged` is a directory that `make install` of our extension filled for the cluster's installation.
 * @throws PginstallError insufficient_privilege, io_error, undefined_file, …
 */
export async function planSetup(options: SetupOptions, staged: string): Promise<Step[]> {
  const { cluster, signal, unit } = options
  requireRights(cluster)
  if (/[:,"]/.test(unit.directory)) {
    throw new PginstallError(
      'invalid_parameter_value',
      `"directory" cannot be in a path of libraries: "${unit.directory}"`,
    )
  }
  const files = changedFiles(cluster.installation, staged).map((file) => ({
    what: `install ${file.path}`,
    run: () => placeFile(file, cluster, signal),
  }))
  return [
    // First: they tell the way back what there is to take back.
    ...planTargetSettings(options),
    ...planServiceUser(sidecarUser(unit), signal),
    ...planDirectories(unit),
    ...planFileLeftovers(cluster.installation),
    ...planUnitLeftovers(unitFiles, unit.unitDirectory),
    ...files,
    ...(await planService(options)),
    ...(await planServerSettings(options)),
  ]
}

/** What whoever has set a cluster up should know besides; none of it is an error. */
export async function remarksOnSetup(options: SetupOptions): Promise<string[]> {
  const { cluster, role, target, unit } = options
  const remarks: string[] = []
  if (cluster.server === undefined) remarks.push('the server does not run: the settings hold from its next start on')
  else remarks.push(...(await findOverrides(cluster, role)))
  if (cluster.server !== undefined && options.shared) {
    remarks.push(
      'shared_preload_libraries holds from the next restart of the server on; until then, and besides, sessions load the library',
    )
  }
  remarks.push(...remarkOnProgram(unit))
  if (!isManaged(unit.unitDirectory)) remarks.push(`start the sidecar with: pginstall sidecar --target ${target}`)
  return remarks
}

/** @throws PginstallError insufficient_privilege */
export function requireRights(cluster: Cluster, what = 'set-up'): void {
  const uid = process.getuid?.()
  if (uid === 0 || uid === cluster.owner.uid) return
  throw new PginstallError('insufficient_privilege', `${what} must be run as root`, {
    detail: 'It writes where others must not, and speaks to the server in the name of its OS user.',
  })
}

export function sidecarUser({ user, directory }: UnitOptions): ServiceUser {
  return { name: user, home: directory, comment: 'pginstall sidecar' }
}

function planDirectories({ user, directory, socketDirectory }: UnitOptions): Step[] {
  const owner = findServiceUser(user)
  if (existsSync(directory) && statSync(directory).uid !== owner?.uid) {
    throw new PginstallError(
      'invalid_parameter_value',
      `directory "${directory}" does not belong to OS user "${user}"`,
      {
        hint: `Give it to the user, or set another "directory": pginstall config directory PATH`,
      },
    )
  }
  return [directory, socketDirectory]
    .filter((path) => !existsSync(path))
    .map((path) => ({
      what: `create directory ${path}`,
      async run() {
        const made = findServiceUser(user)
        await mkdir(path, { recursive: true, mode: 0o755 })
        if (made !== undefined) await chown(path, made.uid, made.gid)
      },
    }))
}

function planTargetSettings({ target, targetDirectory, cluster, socket }: SetupOptions): Step[] {
  const wanted: Partial<Record<SettingName, string>> = {
    // First: without it, a target that an interrupted run has left would have the socket of another.
    socket,
    target,
    pg_config: cluster.installation.path,
    data_directory: cluster.dataDirectory,
    server_user: cluster.owner.name,
  }
  const known = readSettingSources([targetDirectory])
  const changed = (Object.entries(wanted) as [SettingName, string][]).filter(
    ([name, value]) => known[name].file === undefined || known[name].value !== value,
  )
  if (changed.length === 0) return []
  const file = join(targetDirectory, 'pginstall.conf')
  return [
    {
      what: `set in ${file}: ${changed.map(([name, value]) => `${name} = '${value}'`).join(', ')}`,
      async run() {
        for (const [name, value] of changed) await writeSetting(targetDirectory, name, value)
      },
    },
  ]
}

async function planService({ target, unit, signal }: SetupOptions): Promise<Step[]> {
  const units = changedUnits(renderUnits(unit))
  const steps = planUnits(units)
  if (isManaged(unit.unitDirectory) && (units.length > 0 || !(await isServing(instance(target), signal)))) {
    steps.push({ what: `start service pginstall-sidecar@${target}`, run: () => startService(target, signal) })
  }
  return steps
}

async function planServerSettings(options: SetupOptions): Promise<Step[]> {
  const { cluster, role, unit, target, socket, shared, signal } = options
  const running = cluster.server !== undefined
  const files = running ? await readServerSettings(cluster, role) : await readStoppedSettings(cluster, signal)
  const wanted = {
    libraryDirectory: join(unit.directory, target, 'lib'),
    socket,
    directory: unit.directory,
    sidecarUser: unit.user,
    shared,
  }
  const changes = changesForSetup(files, wanted)
  if (changes.length === 0) return []
  const place = running ? 'ALTER SYSTEM and reload' : `set in ${join(cluster.dataDirectory, 'postgresql.auto.conf')}`
  return [
    {
      what: `${place}: ${describeChanges(changes)}`,
      run: () => (running ? enable(cluster, role, changes, wanted, signal) : changeStoppedSettings(cluster, changes)),
    },
  ]
}

/** As postgresql.conf would have them. */
export function describeChanges(changes: Change[]): string {
  return changes
    .map(({ name, value }) =>
      value === undefined ? `${name} = DEFAULT` : `${name} = '${Array.isArray(value) ? joinLibraries(value) : value}'`,
    )
    .join(', ')
}

/** Where the socket of a target is, beside those of the others. */
export function socketOf(target: string, socket: string): string {
  return join(dirname(socket), `${target}.sock`)
}
