// A PostgreSQL cluster of our own: made from the machine's binaries, reached through a unix socket in a private
// directory only, started and stopped with us.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:fs'
import { chown, mkdir, mkdtemp, open, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { describeCause, PginstallError } from '../model/errors.ts'
import type { DatabaseAddress } from './database.ts'
import { syncPath } from './files.ts'
import type { UserIds } from './privileges.ts'
import { plainEnvironment, runProcess } from './process.ts'
import { stopStalePostmaster } from './stale-postmaster.ts'

export type PrivateClusterOptions = {
  /** Its own, made when it is absent: holds `data`, `socket` and `postgresql.log`. */
  directory: string
  /** `pg_config --bindir`. */
  bindir: string
  /** Whom PostgreSQL runs as; needed by root, whom it refuses. */
  owner?: UserIds
  /** More settings of the server. */
  settings?: Record<string, string>
  signal: AbortSignal
}

export type PrivateCluster = {
  address: DatabaseAddress & { socketDirectory: string }
  /** Resolves when PostgreSQL ends without being asked to. */
  lost: Promise<void>
  /** Fast shutdown. */
  close(): Promise<void>
}

type Postmaster = { child: ChildProcess; ended: Promise<unknown>; logStart: number }

const port = 5432
const superuser = 'pginstall'
/** sizeof(sockaddr_un.sun_path) - 1, bytes. */
const maxSocketPathBytes = 107
const initdbTimeLimitMs = 120_000
/** Recovery after a crash happens in it. */
const startTimeLimitMs = 300_000
const shutdownTimeLimitMs = 60_000
const readinessIntervalMs = 20
/** How long the children of a killed postmaster may take to notice. */
const orphanTimeLimitMs = 10_000
const orphanIntervalMs = 200
const logTailBytes = 2000

const settings = {
  listen_addresses: '',
  // Who can connect is the superuser: only the owner of the socket's directory can.
  unix_socket_permissions: '0700',
  port: String(port),
  max_connections: '50',
  shared_buffers: '32MB',
  logging_collector: 'off',
  log_destination: 'stderr',
  log_checkpoints: 'off',
}

/**
 * Opens the cluster in a directory; makes it first when there is none. A server of it that a killed predecessor left
 * behind is stopped: nobody else may use the directory, which is the caller's to ensure.
 * @throws PginstallError io_error, undefined_file, query_canceled
 */
export async function openPrivateCluster(options: PrivateClusterOptions): Promise<PrivateCluster> {
  const { directory, signal } = options
  const data = join(directory, 'data')
  await makePrivateDirectory(directory, options.owner)
  await createData(data, options)
  await stopStalePostmaster(data, signal)
  const socket = await prepareSocketDirectory(directory, options.owner)
  const address = { socketDirectory: socket.path, port, user: superuser, database: 'postgres' }
  try {
    const postmaster = await startPostgres(data, address, options)
    let asked = false
    return {
      address,
      // Once we have asked for it, its end is no loss.
      lost: new Promise((resolve) => void postmaster.ended.then(() => asked || resolve())),
      close: async () => {
        asked = true
        await stop(postmaster)
        await socket.remove()
      },
    }
  } catch (cause) {
    await socket.remove()
    throw cause
  }
}

/** initdb flushes what it made; under its final name a cluster is complete or absent. */
async function createData(data: string, { directory, bindir, owner, signal }: PrivateClusterOptions): Promise<void> {
  const made = await readFile(join(data, 'PG_VERSION'), 'utf8').catch(() => undefined)
  const options = {
    signal,
    timeoutMs: initdbTimeLimitMs,
    cwd: directory,
    ...(owner === undefined ? {} : { user: owner }),
  }
  if (made !== undefined) {
    const { stdout } = await runProcess(join(bindir, 'postgres'), ['--version'], options)
    const major = /\) ([0-9]+)/.exec(stdout)?.[1]
    if (major === made.trim()) return
    throw new PginstallError('invalid_parameter_value', `private cluster "${data}" needs PostgreSQL ${made.trim()}`, {
      detail: `The programs in "${bindir}" are of PostgreSQL ${major ?? 'an unknown version'}.`,
      hint: `Set "pg_config" to that of PostgreSQL ${made.trim()}, or upgrade the cluster with pg_upgrade.`,
    })
  }
  const fresh = `${data}.new`
  await rm(fresh, { recursive: true, force: true })
  const args = [
    '--pgdata',
    fresh,
    '--username',
    superuser,
    '--auth',
    'trust',
    '--encoding',
    'UTF8',
    '--no-locale',
    '--data-checksums',
  ]
  await runProcess(join(bindir, 'initdb'), args, options)
  await rename(fresh, data)
  await syncPath(dirname(data))
}

async function startPostgres(
  data: string,
  address: DatabaseAddress & { socketDirectory: string },
  options: PrivateClusterOptions,
): Promise<Postmaster> {
  const log = join(options.directory, 'postgresql.log')
  const patience = AbortSignal.timeout(orphanTimeLimitMs)
  for (;;) {
    const postmaster = await spawnPostgres(data, address.socketDirectory, log, options)
    try {
      await waitUntilReady(postmaster.child, address, options.signal)
      return postmaster
    } catch (cause) {
      await stop(postmaster)
      const said = await readTail(log, postmaster.logStart)
      // Backends of a postmaster that was killed still hold its shared memory for a moment.
      if (!said.includes('is still in use') || patience.aborted) throw asStartFailure(cause, said, options.signal)
      await delay(orphanIntervalMs, undefined, { signal: options.signal })
    }
  }
}

async function spawnPostgres(
  data: string,
  socketDirectory: string,
  log: string,
  { bindir, owner, settings: more = {} }: PrivateClusterOptions,
): Promise<Postmaster> {
  // Root must not be led elsewhere by a link that the owner of the directory has put there.
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW
  const handle = await open(log, flags, 0o600)
  try {
    const logStart = (await handle.stat()).size
    const given = Object.entries({ ...settings, ...more, unix_socket_directories: quoteListItem(socketDirectory) })
    const args = ['-D', data, ...given.flatMap(([name, value]) => ['-c', `${name}=${value}`])]
    // A session of its own: Ctrl-C at our terminal is for us, who then stop it in order.
    const child = spawn(join(bindir, 'postgres'), args, {
      env: plainEnvironment,
      cwd: data,
      detached: true,
      stdio: ['ignore', handle.fd, handle.fd],
      ...owner,
    })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    await once(child, 'spawn')
    return { child, ended, logStart }
  } catch (cause) {
    throw new PginstallError('io_error', `could not start PostgreSQL from "${bindir}": ${describeCause(cause)}`, {
      cause,
    })
  } finally {
    await handle.close()
  }
}

/** Ready is when it takes a connection; no sooner. */
async function waitUntilReady(
  child: ChildProcess,
  address: DatabaseAddress & { socketDirectory: string },
  signal: AbortSignal,
) {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(startTimeLimitMs)])
  while (!(await takesConnections(address))) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('it ended at once')
    await delay(readinessIntervalMs, undefined, { signal: limit })
  }
}

async function takesConnections({
  socketDirectory,
  ...rest
}: DatabaseAddress & { socketDirectory: string }): Promise<boolean> {
  const client = new Client({ ...rest, host: socketDirectory, ssl: false })
  try {
    await client.connect()
    return true
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    // No socket yet, nobody at it, or cannot_connect_now.
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === '57P03') return false
    throw cause
  } finally {
    await client.end().catch(() => {})
  }
}

async function stop({ child, ended }: Postmaster): Promise<void> {
  child.kill('SIGINT')
  const timer = setTimeout(() => child.kill('SIGQUIT'), shutdownTimeLimitMs)
  await ended
  clearTimeout(timer)
}

function asStartFailure(cause: unknown, said: string, signal: AbortSignal): PginstallError {
  if (signal.aborted)
    return new PginstallError('query_canceled', 'start of the private cluster was canceled', { cause })
  return new PginstallError('io_error', `could not start the private cluster: ${describeCause(cause)}`, {
    cause,
    ...(said === '' ? {} : { detail: said }),
  })
}

async function makePrivateDirectory(path: string, owner: UserIds | undefined): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: 0o700 })
  if (made !== undefined && owner !== undefined) await chown(path, owner.uid, owner.gid)
}

/** Below the directory where the socket's path fits, else a fresh private one. */
async function prepareSocketDirectory(directory: string, owner: UserIds | undefined) {
  const own = join(directory, 'socket')
  if (Buffer.byteLength(join(own, `.s.PGSQL.${port}`)) <= maxSocketPathBytes) {
    await makePrivateDirectory(own, owner)
    return { path: own, remove: async () => {} }
  }
  const path = await mkdtemp(join(tmpdir(), 'pginstall-'))
  if (owner !== undefined) await chown(path, owner.uid, owner.gid)
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

async function readTail(log: string, from: number): Promise<string> {
  const text = await readFile(log)
  return text
    .subarray(Math.max(from, text.length - logTailBytes))
    .toString()
    .trim()
}

/** unix_socket_directories is a list; quotes keep a comma or a space in a path. */
function quoteListItem(path: string): string {
  return `"${path.replaceAll('"', '""')}"`
}
