// A directory that other OS users may walk through, short enough for the sockets in it.
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { giveTo } from './os-users.ts'

export type TemporaryDirectory = { path: string; make(name: string, owner?: string): string; remove(): void }

export function makeTemporaryDirectory(name = 'test'): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), `pginstall-${name}-`))
  chmodSync(path, 0o755)
  return {
    path,
    make(child, owner) {
      const directory = join(path, child)
      mkdirSync(directory, { recursive: true })
      chmodSync(directory, 0o755)
      if (owner !== undefined) giveTo(owner, directory)
      return directory
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}
