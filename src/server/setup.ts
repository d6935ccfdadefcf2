// The repository server as a service of this machine: its OS user, directories and unit, and the way back. What it has
// published, and the key that vouches for it, are never taken away.
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readPgConfig } from '../adapters/pg-config.ts'
import type { Step } from '../cluster/plan.ts'
import { findServiceUser, planServiceUser, planServiceUserRemoval, type ServiceUser } from '../cluster/service-user.ts'
import {
  changedUnits,
  isManaged,
  isServing,
  planUnitLeftovers,
  planUnitRemoval,
  planUnits,
  remarkOnProgram,
  renderUnit,
  type ServiceOptions,
  serviceValues,
  systemctl,
} from '../cluster/systemd.ts'
import { PginstallError } from '../model/errors.ts'
import { prepareDirectories } from './data-directory.ts'
import { readServerState } from './state-file.ts'

export type ServerSetupOptions = ServiceOptions & {
  dataDirectory: string
  /** Empty for one in the data directory. */
  archivePath: string
  /** Empty for a private cluster, which `pgConfig` makes. */
  dburi: string
  pgConfig: string
  /** OS user of the sidecar, who must be another. */
  sidecarUser: string
  signal: AbortSignal
}

const service = 'pginstall-server.service'

/**
 * What is missing.
 * @throws PginstallError insufficient_privilege, invalid_parameter_value, object_in_use, io_error, …
 */
export async function planServerSetup(options: ServerSetupOptions): Promise<Step[]> {
  const { unitDirectory, signal } = options
  requireRights(options)
  if (options.dburi === '') await readPgConfig(options.pgConfig, signal)
  const serves = isManaged(unitDirectory) && (await isServing(service, signal))
  if (!serves) await requireNobodyServes(options)
  const units = changedUnits([renderServerUnit(options)])
  const steps = [
    ...planServiceUser(serverUser(options), signal),
    ...planDirectories(options),
    ...planUnitLeftovers([service], unitDirectory),
    ...planUnits(units),
  ]
  if (isManaged(unitDirectory) && (units.length > 0 || !serves)) {
    steps.push({
      what: 'start service pginstall-server',
      async run() {
        await systemctl(['daemon-reload'], signal)
        await systemctl(['enable', service], signal)
        // Also when it runs: with what it was before.
        await systemctl(['restart', service], signal)
      },
    })
  }
  return steps
}

/** What whoever has set the server up should know besides. */
export function remarksOnServerSetup(options: ServerSetupOptions): string[] {
  return [
    ...remarkOnProgram(options),
    ...(options.user === options.sidecarUser
      ? [
          `a sidecar of this machine has the OS user "${options.user}" too: whoever breaks into one can write the other's files`,
        ]
      : []),
    isManaged(options.unitDirectory)
      ? 'its URI and its public key are shown by: pginstall server status'
      : 'start it with: pginstall server start',
  ]
}

export function planServerUninstall(options: ServerSetupOptions): Step[] {
  const { unitDirectory, signal } = options
  requireRights(options)
  const stop = async () => systemctl(['disable', '--now', service], signal)
  return [
    ...(isManaged(unitDirectory) && existsSync(join(unitDirectory, service))
      ? [{ what: 'stop service pginstall-server', run: stop }]
      : []),
    ...planUnitRemoval([service], unitDirectory, signal),
    ...planServiceUserRemoval(serverUser(options), signal),
  ]
}

/** What stays when the server is taken away. */
export function remarksOnServerUninstall({ dataDirectory, archivePath }: ServerSetupOptions): string[] {
  return [dataDirectory, archivePath]
    .filter((path) => path !== '' && existsSync(path))
    .map((path) => `${path} stays: what was published cannot be made again; remove it by hand`)
}

export function renderServerUnit(options: ServerSetupOptions): ReturnType<typeof renderUnit> {
  const writable = [options.dataDirectory, ...(options.archivePath === '' ? [] : [options.archivePath])]
  return renderUnit(service, options.unitDirectory, serviceValues(options, 'server start --foreground', writable))
}

function serverUser({ user, dataDirectory }: ServerSetupOptions): ServiceUser {
  return { name: user, home: dataDirectory, comment: 'pginstall repository server' }
}

function requireRights({ user }: ServerSetupOptions): void {
  const uid = process.getuid?.()
  if (uid === 0 || uid === findServiceUser(user)?.uid) return
  throw new PginstallError('insufficient_privilege', 'set-up must be run as root', {
    detail: `It makes the OS user "${user}" and a service of this machine.`,
  })
}

/** One that was started by hand has the directory: the service would never come up. */
async function requireNobodyServes({ dataDirectory, unitDirectory }: ServerSetupOptions): Promise<void> {
  const state = await readServerState(dataDirectory)
  if (state === undefined || !isManaged(unitDirectory)) return
  throw new PginstallError('object_in_use', `a repository server is running on "${dataDirectory}"`, {
    detail: `Its process id is ${state.pid}.`,
    hint: 'Stop it, with "pginstall server stop", and type the same again.',
  })
}

function planDirectories({ dataDirectory, archivePath, user }: ServerSetupOptions): Step[] {
  const owner = findServiceUser(user)
  return [dataDirectory, archivePath]
    .filter((path) => path !== '' && statSync(path, { throwIfNoEntry: false })?.uid !== (owner?.uid ?? -1))
    .map((path) => ({
      what: existsSync(path) ? `give directory ${path} to ${user}` : `create directory ${path}`,
      run: () => prepareDirectories({ dataDirectory: path, user }),
    }))
}
