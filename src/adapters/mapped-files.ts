// Which files processes have mapped: proc_pid_maps(5).
import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'

/** Address, rights, offset, device, inode, path. */
const mappedLibrary = /^\S+ \S+ \S+ \S+ ([0-9]+) +(\/.*\.so)(?: \(deleted\))?$/gm

/** A file as it is told from others here: a mount may show it under another path, and some file systems on another device. */
export function identify(inode: string | number, path: string): string {
  return `${inode} ${basename(path)}`
}

/**
 * The shared libraries that processes of these OS users have mapped, as \`identify\` has them. Undefined when not all of the
 * processes may be looked at.
 */
export function readMappedLibraries(uids: Set<number>): Set<string> | undefined {
  const own = process.geteuid?.()
  // With hidepid, processes of others are not even listed.
  if (own !== 0 && [...uids].some((uid) => uid !== own)) return undefined
  const mapped = new Set<string>()
  for (const pid of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(pid)) continue
    const maps = readProcess(pid, 'maps')
    if (maps === 'gone') continue
    if (maps === 'forbidden') {
      if (isOf(pid, uids)) return undefined
      continue
    }
    for (const [, inode = '', path = ''] of maps.matchAll(mappedLibrary)) mapped.add(identify(inode, path))
  }
  return mapped
}

function isOf(pid: string, uids: Set<number>): boolean {
  const uid = /^Uid:\t([0-9]+)/m.exec(readProcess(pid, 'status'))?.[1]
  return uid === undefined || uids.has(Number(uid))
}

function readProcess(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    return code === 'ENOENT' || code === 'ESRCH' ? 'gone' : 'forbidden'
  }
}
