// A postmaster that outlived the daemon that had started it: found by its lock file, told from a stranger with the same
// process id by its working directory, and stopped.
import { readdir, readFile, readlink, realpath, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { PginstallError } from '../model/errors.ts'

const fastShutdownTimeLimitMs = 30_000
const immediateShutdownTimeLimitMs = 10_000
const pollIntervalMs = 20

/**
 * Stops the server that runs in a data directory, if there is one.
 * @throws PginstallError io_error when it does not stop
 */
export async function stopStalePostmaster(data: string, signal: AbortSignal): Promise<void> {
  const stale = await readLockFile(data)
  if (stale === undefined) return
  if (await runsIn(stale.pid, data)) {
    const stopped =
      (await stopBy('SIGINT', stale.pid, data, fastShutdownTimeLimitMs, signal)) ||
      (await stopBy('SIGQUIT', stale.pid, data, immediateShutdownTimeLimitMs, signal))
    if (!stopped) {
      throw new PginstallError('io_error', `could not stop the PostgreSQL server that runs in "${data}"`, {
        detail: `Its process id is ${stale.pid}.`,
      })
    }
  } else if (!(await anyoneWorksIn(data))) {
    // PostgreSQL does not start while anybody of ours has the process id, as in a container that was started anew.
    await rm(join(data, 'postmaster.pid'), { force: true })
  }
  // A temporary directory of its socket; one that is used still is not empty.
  if (stale.socketDirectory !== join(dirname(data), 'socket')) await rmdir(stale.socketDirectory).catch(() => {})
}

/** Lines of postmaster.pid: src/include/utils/pidfile.h. */
async function readLockFile(data: string): Promise<{ pid: number; socketDirectory: string } | undefined> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')
  const lines = text.split('\n')
  const pid = Number(lines[0])
  const socketDirectory = lines[4]
  if (!Number.isInteger(pid) || pid <= 1 || socketDirectory === undefined) return undefined
  return { pid, socketDirectory }
}

/** A postmaster's working directory is its data directory. A process that has ended, zombie or not, has none. */
async function runsIn(pid: number, data: string): Promise<boolean> {
  const workingDirectory = await readlink(`/proc/${pid}/cwd`).catch(() => undefined)
  return workingDirectory !== undefined && workingDirectory === (await realpath(data))
}

/** Backends that have lost their postmaster work there too: the lock file is then PostgreSQL's to judge. */
async function anyoneWorksIn(data: string): Promise<boolean> {
  for (const name of await readdir('/proc'))
    if (/^[0-9]+$/.test(name) && (await runsIn(Number(name), data))) return true
  return false
}

async function stopBy(
  how: NodeJS.Signals,
  pid: number,
  data: string,
  limitMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    process.kill(pid, how)
  } catch (cause) {
    // It has just ended by itself.
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ESRCH')) throw cause
  }
  for (let waitedMs = 0; waitedMs < limitMs; waitedMs += pollIntervalMs) {
    if (!(await runsIn(pid, data))) return true
    await delay(pollIntervalMs, undefined, { signal })
  }
  return false
}
