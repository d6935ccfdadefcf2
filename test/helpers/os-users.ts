// Whom the parts of a test or of the demo run as. As root: PostgreSQL, which refuses root, as its own user, and sidecar
// and repository server as others, so that what one must not write it cannot. Else everything is the caller.
import { chownSync } from 'node:fs'
import { userInfo } from 'node:os'
import { findUser, type UserIds } from '../../src/adapters/privileges.ts'

export const isRoot = process.getuid?.() === 0
export const serverUser = isRoot ? 'postgres' : userInfo().username
export const serviceUser = isRoot ? 'nobody' : userInfo().username
export const repositoryUser = isRoot ? 'daemon' : userInfo().username

/** For child_process: empty unless root. */
export function spawnAs(user: string): Partial<UserIds> {
  return isRoot ? findUser(user) : {}
}

export function giveTo(user: string, path: string): void {
  const { uid, gid } = findUser(user)
  if (isRoot) chownSync(path, uid, gid)
}
