// Which files processes have mapped: proc_pid_maps(5).
import { readdirSync, readFileSync } from 'node:fs'

/**
 * Inodes of the shared libraries that processes of these OS users have mapped; by inode, since a mount may show them
 * under another path, and some file systems under another device. Undefined when not all of them may be looked at.
 */
export function readMappedLibraries(uids: Set<number>): Set<string> | undefined {
  const own = process.geteuid?.()
  // With hidepid, processes of others are not even listed.
  if (own !== 0 && [...uids].some((uid) => uid !== own)) return undefined
  const inodes = new Set<string>()
  for (const pid of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(pid)) continue
    const maps = readProcess(pid, 'maps')
    if (maps === 'gone') continue
    if (maps === 'forbidden') {
      if (isOf(pid, uids)) return undefined
      continue
    }
    for (const [, inode] of maps.matchAll(/^\S+ \S+ \S+ \S+ ([0-9]+) .*\.so/gm)) inodes.add(inode as string)
  }
  return inodes
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
