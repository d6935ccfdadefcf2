// The OS user that the sidecar runs as. The comment in its entry says that it is ours to remove.
import { readFileSync } from 'node:fs'
import { findUser, type UserIds } from '../adapters/privileges.ts'
import { runProcess } from '../adapters/process.ts'
import { PginstallError } from '../model/errors.ts'

const comment = 'pginstall sidecar'
const timeoutMs = 30_000

export function findServiceUser(name: string): UserIds | undefined {
  try {
    return findUser(name)
  } catch (cause) {
    if (cause instanceof PginstallError && cause.is('invalid_parameter_value')) return undefined
    throw cause
  }
}

export async function createServiceUser(name: string, home: string, signal: AbortSignal): Promise<void> {
  const args = ['--system', '--user-group', '--no-create-home', '--home-dir', home, '--shell', '/usr/sbin/nologin']
  await runProcess('useradd', [...args, '--comment', comment, name], { signal, timeoutMs })
}

/** Whether createServiceUser has made it. */
export function isOurUser(name: string): boolean {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`))
  return line?.split(':')[4] === comment
}

export async function removeServiceUser(name: string, signal: AbortSignal): Promise<void> {
  await runProcess('userdel', [name], { signal, timeoutMs })
}
