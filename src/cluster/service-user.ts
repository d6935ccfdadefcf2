// The OS users that our services run as. The comment in a user's entry says that it is ours to remove.
import { existsSync, readFileSync } from 'node:fs'
import { findUser, type UserIds } from '../adapters/privileges.ts'
import { runProcess } from '../adapters/process.ts'
import { PginstallError } from '../model/errors.ts'
import type { Step } from './plan.ts'

export type ServiceUser = {
  name: string
  home: string
  /** What it is for; tells ours from one that somebody else has made. */
  comment: string
}

const timeoutMs = 30_000

export function findServiceUser(name: string): UserIds | undefined {
  try {
    return findUser(name)
  } catch (cause) {
    if (cause instanceof PginstallError && cause.is('invalid_parameter_value')) return undefined
    throw cause
  }
}

export function planServiceUser({ name, home, comment }: ServiceUser, signal: AbortSignal): Step[] {
  if (findServiceUser(name) !== undefined) return []
  const args = ['--system', '--user-group', '--no-create-home', '--home-dir', home, '--shell', '/usr/sbin/nologin']
  return [
    {
      what: `create OS user ${name}`,
      async run() {
        await runProcess('useradd', [...args, '--comment', comment, name], { signal, timeoutMs })
      },
    },
  ]
}

/** One that we have made goes; while its home is there, it has an owner. */
export function planServiceUserRemoval(user: ServiceUser, signal: AbortSignal): Step[] {
  if (!isOurs(user)) return []
  return [
    {
      what: `remove OS user ${user.name}, if ${user.home} is gone`,
      async run() {
        if (!existsSync(user.home)) await runProcess('userdel', [user.name], { signal, timeoutMs })
      },
    },
  ]
}

function isOurs({ name, comment }: ServiceUser): boolean {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`))
  return line?.split(':')[4] === comment
}
