// Which clusters an installation has, and how each is reached: from its data directory, which is what a cluster is.
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { PgConfig } from '../adapters/pg-config.ts'
import { findUserName, type UserIds } from '../adapters/privileges.ts'
import { runProcess } from '../adapters/process.ts'
import { PginstallError } from '../model/errors.ts'

export type Cluster = {
  dataDirectory: string
  installation: PgConfig
  /** The server's OS user, who owns the data directory. */
  owner: UserIds & { name: string }
  /** Where it can be asked; undefined when it does not run. */
  server?: { pid: number; socketDirectory: string; port: number }
}

const askTimeoutMs = 10_000
const debianConfiguration = '/etc/postgresql'

/**
 * The cluster of a data directory.
 * @throws PginstallError undefined_file, invalid_parameter_value when it is not one of this installation
 */
export function describeCluster(dataDirectory: string, installation: PgConfig): Cluster {
  const major = readIfThere(join(dataDirectory, 'PG_VERSION'))?.trim()
  if (major === undefined) {
    throw new PginstallError('undefined_file', `directory "${dataDirectory}" is not the data directory of a cluster`, {
      detail: `There is no ${join(dataDirectory, 'PG_VERSION')} that can be read.`,
    })
  }
  if (major !== majorOf(installation)) {
    throw new PginstallError('invalid_parameter_value', `cluster "${dataDirectory}" is of PostgreSQL ${major}`, {
      detail: `${installation.path} is of ${installation.version}.`,
      hint: `Give the pg_config of PostgreSQL ${major}.`,
    })
  }
  const { uid, gid } = statSync(dataDirectory)
  const server = findServer(dataDirectory, installation)
  return {
    dataDirectory: realpathSync(dataDirectory),
    installation,
    owner: { uid, gid, name: findUserName(uid) ?? String(uid) },
    ...(server === undefined ? {} : { server }),
  }
}

/**
 * The data directory of the one cluster that an installation has: one that runs, or one that Debian's tools have made.
 * Not the private one of the repository server in directory `repository`; those that targets have claimed only where
 * there is no other.
 * @throws PginstallError undefined_file, invalid_parameter_value when there is none or more than one
 */
export async function findDataDirectory(
  installation: PgConfig,
  repository: string,
  signal: AbortSignal,
  claimed: string[] = [],
): Promise<string> {
  const all = new Set([...runningClusters(installation), ...(await debianClusters(installation, signal)).keys()])
  const privateOnes = join(realpathIfThere(repository) ?? repository, '/')
  const shared = [...all].filter((directory) => !directory.startsWith(privateOnes))
  const free = shared.filter((directory) => !claimed.includes(directory))
  const found = free.length > 0 ? free : shared
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  if (only === undefined) {
    throw new PginstallError('undefined_file', `no cluster of ${installation.path} was found`, {
      hint: 'Start its server, or say which one: setting data_directory, or --data-directory DIRECTORY of "pginstall setup".',
    })
  }
  throw new PginstallError('invalid_parameter_value', `several clusters belong to ${installation.path}`, {
    detail: `Their data directories are ${found.sort().join(', ')}.`,
    hint: 'Say which one: setting data_directory, or --data-directory DIRECTORY of "pginstall setup"; and give each a --target NAME of its own.',
  })
}

/** Where the postgresql.conf of a cluster is: Debian keeps it apart from the data. */
export async function findConfiguration(
  { dataDirectory, installation }: Cluster,
  signal: AbortSignal,
): Promise<string> {
  if (existsSync(join(dataDirectory, 'postgresql.conf'))) return dataDirectory
  const found = (await debianClusters(installation, signal)).get(dataDirectory)
  if (found !== undefined) return found
  throw new PginstallError('undefined_file', `could not find the postgresql.conf of cluster "${dataDirectory}"`, {
    hint: 'Start its server and try again: it knows.',
  })
}

/** One setting, as the server's program reads it from its configuration. */
export async function readByProgram(
  installation: PgConfig,
  configuration: string,
  name: string,
  signal: AbortSignal,
): Promise<string> {
  // The program refuses root; whoever owns the configuration can read it.
  const { uid, gid } = statSync(join(configuration, 'postgresql.conf'))
  const { stdout } = await runProcess(join(installation.bindir, 'postgres'), ['-D', configuration, '-C', name], {
    signal,
    timeoutMs: askTimeoutMs,
    cwd: '/',
    ...(process.getuid?.() === 0 ? { user: { uid, gid } } : {}),
  })
  return stdout.replace(/\n$/, '')
}

/** The lines of postmaster.pid: src/include/utils/pidfile.h. */
function findServer(dataDirectory: string, installation: PgConfig): Cluster['server'] {
  const lines = (readIfThere(join(dataDirectory, 'postmaster.pid')) ?? '').split('\n')
  const [pid, port] = [Number(lines[0]), Number(lines[3])]
  const socketDirectory = lines[4]?.trim() ?? ''
  // A number that was given to another process meanwhile: a server works in its data directory.
  if (!(pid > 0) || linkIfThere(`/proc/${pid}/cwd`) !== realpathSync(dataDirectory)) return undefined
  if (!isProgramOf(installation, pid)) {
    throw new PginstallError('invalid_parameter_value', `another installation runs cluster "${dataDirectory}"`, {
      detail: `Its server is ${linkIfThere(`/proc/${pid}/exe`)}; the programs of ${installation.path} are in ${installation.bindir}.`,
    })
  }
  if (!(port > 0) || socketDirectory === '') {
    throw new PginstallError('invalid_parameter_value', `cluster "${dataDirectory}" has no unix socket to ask it at`, {
      hint: 'Set unix_socket_directories. When the server has only just started, try again.',
    })
  }
  return { pid, port, socketDirectory }
}

function runningClusters(installation: PgConfig): string[] {
  const pids = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))
  return pids
    .filter((pid) => isProgramOf(installation, Number(pid)))
    .map((pid) => linkIfThere(`/proc/${pid}/cwd`) ?? '')
    .filter((directory) => readIfThere(join(directory, 'postmaster.pid')) !== undefined)
}

/** Data directory and configuration directory of what Debian's pg_createcluster has made. */
async function debianClusters(installation: PgConfig, signal: AbortSignal): Promise<Map<string, string>> {
  const major = majorOf(installation)
  const found = new Map<string, string>()
  if (realpathIfThere(`/usr/lib/postgresql/${major}/bin`) !== realpathIfThere(installation.bindir)) return found
  const folder = join(debianConfiguration, major)
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const configuration = join(folder, name)
    if (!existsSync(join(configuration, 'postgresql.conf'))) continue
    const directory = await readByProgram(installation, configuration, 'data_directory', signal)
    found.set(realpathIfThere(directory) ?? directory, configuration)
  }
  return found
}

function isProgramOf(installation: PgConfig, pid: number): boolean {
  const program = linkIfThere(`/proc/${pid}/exe`)?.replace(/ \(deleted\)$/, '')
  return program !== undefined && program === realpathIfThere(join(installation.bindir, 'postgres'))
}

function majorOf({ versionNum }: PgConfig): string {
  return String(Math.trunc(versionNum / 10000))
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function linkIfThere(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

function realpathIfThere(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}
