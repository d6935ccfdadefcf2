// A directory of this process's own for what is half done, beside those of other processes that share the store. It is
// known from its name whether its process lives, so that starting one sidecar never takes away what another works on.
import { readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { makeDirectory } from './files.ts'

/** Longest that a process of another container, which we cannot see, may work on one thing. */
const maxUnseenMs = 24 * 3_600_000

/** Boot, process namespace, process id and start time: together they name one process of this machine for ever. */
const namePattern = /^([0-9a-f]+)-([0-9]+)-([0-9]+)-([0-9]+)$/

/** Ours below `parent`; it need not exist. */
export function ownWorkDirectory(parent: string): string {
  return join(parent, [bootOf(), namespaceOf(), process.pid, startOf(process.pid)].join('-'))
}

/** Makes ours, and removes what processes that are dead left half done. */
export function prepareWorkDirectory(parent: string): void {
  makeDirectory(ownWorkDirectory(parent))
  for (const name of readdirSync(parent)) {
    if (!mayLive(name, join(parent, name))) rmSync(join(parent, name), { recursive: true, force: true })
  }
}

function mayLive(name: string, path: string): boolean {
  const [, boot, namespace, pid, start] = namePattern.exec(name) ?? []
  if (boot !== bootOf()) return false
  if (namespace === namespaceOf()) return startOf(Number(pid)) === start
  const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return Date.now() - changed < maxUnseenMs
}

function bootOf(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().replaceAll('-', '')
}

/** `pid:[4026531836]`: process ids of another one say nothing here. */
function namespaceOf(): string {
  return readlinkSync('/proc/self/ns/pid').replace(/[^0-9]/g, '')
}

/** In ticks since boot, proc_pid_stat(5); undefined when there is no such process. Its name may hold any character. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
