// The SHA-256 of a file that somebody else may have put there: a symbolic link, a pipe or a device is no file.
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { PginstallError } from '../model/errors.ts'

export type FileDigest = {
  sha256: string
  size: number
  /** Which file it is on this machine, whatever its name: equal for hard links. */
  identity: string
  /** Whether others than its owner may write it. */
  othersMayWrite: boolean
}

const groupOrOthersWrite = 0o022
/** A pipe without a writer must not hold us: it is opened without waiting, and seen to be none of ours. */
const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** @throws PginstallError io_error; what the file system throws */
export async function digestFile(path: string, signal: AbortSignal): Promise<FileDigest> {
  const file = await open(path, flags)
  try {
    const { dev, ino, mode, size } = await file.stat()
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw new PginstallError('io_error', 'not a regular file')
    const hash = createHash('sha256')
    for await (const chunk of file.createReadStream({ autoClose: false, signal })) hash.update(chunk as Buffer)
    return {
      sha256: hash.digest('hex'),
      size,
      identity: `${dev}:${ino}`,
      othersMayWrite: (mode & groupOrOthersWrite) !== 0,
    }
  } finally {
    await file.close()
  }
}
