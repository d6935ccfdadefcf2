// Whose the server's directories are: made while we may, by root for the user that the server works as.
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { findUser, type UserIds } from '../adapters/privileges.ts'
import { describeCause, PginstallError } from '../model/errors.ts'

export type DirectoryOptions = {
  /** The server's own: keys, state, the private cluster and, unless told otherwise, archives. Made when absent. */
  dataDirectory: string
  archivePath?: string | undefined
  /**
   * OS user that a server started as root works as. Whoever starts it as root either becomes the user first, as the
   * command does, or stays root and gives the user the private cluster.
   */
  user?: string | undefined
}

/**
 * Makes the data directory and the archives'.
 * @throws PginstallError invalid_parameter_value when one is another's; io_error
 */
export async function prepareDirectories({ dataDirectory, archivePath, user }: DirectoryOptions): Promise<void> {
  const owner = ownerFor(user)
  for (const path of [dataDirectory, ...(archivePath ? [archivePath] : [])]) {
    await make(path)
    if (owner !== undefined) await giveTo(owner, path)
  }
}

async function make(path: string): Promise<void> {
  try {
    // Others may pass through what is above it.
    await mkdir(dirname(path), { recursive: true })
    await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new PginstallError('io_error', `could not create directory "${path}": ${describeCause(cause)}`, {
      hint: 'Set another one, for example: pginstall config server_directory PATH',
      cause,
    })
  }
}

/** Opens the log in the data directory, to append to it. */
export async function openLogFile({ dataDirectory, user }: DirectoryOptions): Promise<FileHandle> {
  const path = join(dataDirectory, 'server.log')
  // Root must not be led elsewhere by a link that the owner of the directory has put there.
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW
  try {
    const handle = await open(path, flags, 0o640)
    const owner = ownerFor(user)
    if (owner !== undefined && (await handle.stat()).uid === 0) await handle.chown(owner.uid, owner.gid)
    return handle
  } catch (cause) {
    throw new PginstallError('io_error', `could not open log file "${path}": ${describeCause(cause)}`, { cause })
  }
}

/** Nobody when we are not root: everything is ours then. */
export function ownerFor(user: string | undefined): UserIds | undefined {
  if (process.getuid?.() !== 0) return undefined
  if (user) return findUser(user)
  throw new PginstallError(
    'invalid_parameter_value',
    'setting "repository_user" is needed when the server is started as root',
    {
      detail: 'PostgreSQL refuses to run as root.',
    },
  )
}

async function giveTo(owner: UserIds, path: string): Promise<void> {
  const handle = await openDirectory(path)
  let uid: number
  try {
    uid = (await handle.stat()).uid
    if (uid === 0) await handle.chown(owner.uid, owner.gid)
  } finally {
    await handle.close()
  }
  if (uid === 0 || uid === owner.uid) return
  throw new PginstallError('invalid_parameter_value', `directory "${path}" belongs to another user`, {
    detail: `It belongs to user number ${uid}, the server works as user number ${owner.uid}.`,
    hint: 'Change its owner, or set "repository_user" to whom it belongs to.',
  })
}

/** Root must not give away what a link leads to: whoever may write above the directory could have put it there. */
async function openDirectory(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  } catch (cause) {
    throw new PginstallError('invalid_parameter_value', `could not open directory "${path}": ${describeCause(cause)}`, {
      hint: 'It must be a directory itself, not a symbolic link to one. Set the path of what the link leads to.',
      cause,
    })
  }
}
