// doctor: OS users, the sidecar's directory and its disk.
import { statfsSync, statSync } from 'node:fs'
import { findUser } from '../../adapters/privileges.ts'
import type { Settings } from '../../adapters/settings.ts'
import { error, type Finding, failure, ok, warning } from '../../model/finding.ts'

/** Room below which an installation may fail, and below which little else works either; bytes. */
const scarceBytes = 512 * 1024 * 1024
const fullBytes = 32 * 1024 * 1024
const scarceFiles = 10_000

const groupOrOthersWrite = 0o022
const othersReadAndEnter = 0o005

export function checkUsers({ user, server_user }: Settings): Finding {
  try {
    if (findUser(user).uid !== findUser(server_user).uid)
      return ok('users', `sidecar "${user}", server "${server_user}"`)
    return warning(
      'users',
      `sidecar and server are the same OS user, "${user}": the server could write what it executes`,
      'Give the sidecar a user of its own: adduser --system --group pginstall; pginstall config user pginstall',
    )
  } catch (thrown) {
    return failure(
      'users',
      thrown,
      'Name users that exist: pginstall config user NAME; pginstall config server_user NAME',
    )
  }
}

export function checkDirectory({ directory, user }: Settings): Finding {
  const found = statSync(directory, { throwIfNoEntry: false })
  if (found === undefined || !found.isDirectory()) {
    return error('directory', `there is no directory "${directory}"`, `install -d -o ${user} -m 755 ${directory}`)
  }
  if (found.uid !== findUser(user).uid) {
    return error(
      'directory',
      `"${directory}" does not belong to the sidecar's user "${user}"`,
      `chown -R ${user} ${directory}`,
    )
  }
  if ((found.mode & groupOrOthersWrite) !== 0) {
    return error(
      'directory',
      `others than "${user}" may write "${directory}", so the server refuses what is in it`,
      `chmod go-w ${directory}`,
    )
  }
  if ((found.mode & othersReadAndEnter) !== othersReadAndEnter) {
    return error('directory', `the server may not read "${directory}"`, `chmod o+rx ${directory}`)
  }
  return ok('directory', `"${directory}" belongs to "${user}" alone, and the server may read it`)
}

export function checkDisk({ directory }: Settings): Finding {
  const { bavail, bsize, files, ffree } = statfsSync(directory)
  const free = bavail * bsize
  const text = `${Math.trunc(free / 1024 / 1024)} MB free below "${directory}"`
  const hint = 'Make room, or move the directory: pginstall config directory PATH'
  if (free < fullBytes) return error('disk', text, hint)
  if (free < scarceBytes) return warning('disk', text, hint)
  // A file system that counts no files has no limit of them.
  if (files > 0 && ffree < scarceFiles) return warning('disk', `${ffree} files more fit below "${directory}"`, hint)
  return ok('disk', text)
}
