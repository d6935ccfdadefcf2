// A secret in a file of its own that only its owner can read, made when it is first needed.
import { randomUUID } from 'node:crypto'
import { link, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describeCause, PginstallError } from '../model/errors.ts'
import { syncPath, writeDurably } from './files.ts'

/** Longest secret, bytes. */
const maxSecretBytes = 4096
const permissionsOfOthers = 0o077

/**
 * The secret of a file, without white space around it.
 * @throws PginstallError undefined_file, config_file_error when others can read it or it is empty
 */
export async function readSecret(path: string): Promise<string> {
  const text = await readIfThere(path)
  if (text === undefined) throw new PginstallError('undefined_file', `there is no file "${path}"`)
  return text
}

/** The secret of a file; when there is none, what `create` gives, which is then in the file. */
export async function readOrCreateSecret(path: string, create: () => string): Promise<string> {
  const known = await readIfThere(path)
  if (known !== undefined) return known
  const fresh = `${path}.${randomUUID()}.new`
  try {
    await writeDurably(fresh, create(), 0o600)
    // Unlike rename, link never replaces: of two processes that start at once, one makes the secret.
    await link(fresh, path).catch((cause: unknown) => {
      if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause
    })
  } finally {
    await rm(fresh, { force: true })
  }
  await syncPath(dirname(path))
  return readSecret(path)
}

async function readIfThere(path: string): Promise<string | undefined> {
  let handle: Awaited<ReturnType<typeof open>>
  try {
    handle = await open(path, 'r')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw new PginstallError('config_file_error', `could not read "${path}": ${describeCause(cause)}`, { cause })
  }
  try {
    const { mode, size } = await handle.stat()
    if ((mode & permissionsOfOthers) !== 0) {
      throw new PginstallError('config_file_error', `file "${path}" has group or world access`, {
        hint: `It holds a secret. Take the access away with: chmod 600 ${path}`,
      })
    }
    const text = size <= maxSecretBytes ? (await handle.readFile('utf8')).trim() : ''
    if (text === '') throw new PginstallError('config_file_error', `file "${path}" does not hold a secret`)
    return text
  } finally {
    await handle.close()
  }
}
