// What the build system calls itself in an archive's file name. For people: needs decide where an archive runs.
import { readFileSync } from 'node:fs'

/** `debian12`, from /etc/os-release (os-release(5)); a rolling distribution has no number. */
export function readOsName(text = readFileSync('/etc/os-release', 'utf8')): string {
  const value = (name: string) => new RegExp(`^${name}=["']?([^"'\n]*)`, 'm').exec(text)?.[1] ?? ''
  const name = `${value('ID') || 'linux'}${value('VERSION_ID')}`.toLowerCase()
  return name.replace(/[^a-z0-9._]/g, '_').slice(0, 32)
}
