// Dropping root: a daemon that is started as root becomes an unprivileged user before it serves anybody.
import { readFileSync } from 'node:fs'
import { PginstallError } from '../model/errors.ts'

export type UserIds = { uid: number; gid: number }

/**
 * Looks an OS user up by name or number in /etc/passwd.
 * @throws PginstallError invalid_parameter_value
 */
export function findUser(user: string): UserIds {
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [name, , uid, gid] = line.split(':')
    if (name === user || uid === user) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new PginstallError('invalid_parameter_value', `there is no OS user "${user}"`, {
    hint: `Create it with: adduser --system --group ${user}`,
  })
}

/** The name of an OS user in /etc/passwd. */
export function findUserName(uid: number): string | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.split(':')[2] === String(uid))
  return line?.split(':')[0]
}

/** Becomes the user for good when started as root; else stays who it is. Modules that are not loaded yet may be out of reach afterwards. */
export function dropRoot(user: string): void {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = findUser(user)
  process.setgroups?.([gid])
  process.setgid?.(gid)
  process.setuid?.(uid)
}

/** Does something as another user would, when we are root; else as who we are. Nothing else of this process may run meanwhile. */
export async function inNameOf<T>(uid: number, work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return work()
  process.seteuid?.(uid)
  try {
    return await work()
  } finally {
    process.seteuid?.(0)
  }
}
