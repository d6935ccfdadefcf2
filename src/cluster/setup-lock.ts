// One set-up of a machine at a time: two would each work by a plan that the other makes untrue. The lock is flock(2)'s,
// so it ends with whoever holds it, however that ends.
import { spawnSync } from 'node:child_process'
import { closeSync, constants, fstatSync, mkdirSync, openSync, statSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { describeCause, PginstallError } from '../model/errors.ts'

/** Of flock(1), when somebody else has the lock. */
const statusHeld = 75

/**
 * Does the work as the only set-up with this settings directory. The lock is a file beside it, since the way back removes
 * the directory itself, and is nobody else's to open: whoever could, could hold it.
 * @throws PginstallError object_in_use when another has the lock; insufficient_privilege, io_error
 */
export async function withSetupLock<T>(configDirectory: string, work: () => Promise<T>): Promise<T> {
  const path = `${configDirectory}.lock`
  const file = lock(path)
  try {
    return await work()
  } finally {
    // Before the lock is given back: who has opened the file meanwhile sees that it is not the one at the path.
    unlinkSync(path)
    closeSync(file)
  }
}

function lock(path: string): number {
  for (;;) {
    const file = open(path)
    try {
      take(file, path)
      if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(file).ino) return file
    } catch (cause) {
      closeSync(file)
      throw cause
    }
    closeSync(file)
  }
}

function open(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true })
    return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  } catch (cause) {
    const denied = cause instanceof Error && 'code' in cause && cause.code === 'EACCES'
    throw new PginstallError(
      denied ? 'insufficient_privilege' : 'io_error',
      `could not open lock file "${path}": ${describeCause(cause)}`,
      { ...(denied ? { hint: 'Set-up must be run as root.' } : {}), cause },
    )
  }
}

/** Node has no flock(2), but what flock(1) locks is the open file that it inherits, which stays open, and locked, here. */
function take(file: number, path: string): void {
  const { status, error, stderr } = spawnSync('flock', ['--nonblock', `--conflict-exit-code=${statusHeld}`, '3'], {
    stdio: ['ignore', 'ignore', 'pipe', file],
    encoding: 'utf8',
  })
  if (status === 0) return
  if (status === statusHeld) {
    throw new PginstallError('object_in_use', 'another set-up of this machine is running', {
      detail: `It holds the lock on "${path}".`,
      hint: 'Wait for its end, and type the same again.',
    })
  }
  throw new PginstallError('io_error', `could not lock "${path}": ${error?.message ?? stderr.trim()}`)
}
