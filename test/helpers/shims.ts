// Shared libraries that stand between a program and the system: what no test can otherwise make happen.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packagePath } from '../../src/adapters/package-root.ts'

let directory: string | undefined

/** Compiles test/helpers/shims/NAME.c; the path to preload, readable by every OS user. */
export function buildShim(name: 'clock' | 'die'): string {
  if (directory === undefined) {
    const fresh = mkdtempSync(join(tmpdir(), 'pginstall-shims-'))
    process.once('exit', () => rmSync(fresh, { recursive: true, force: true }))
    chmodSync(fresh, 0o755)
    directory = fresh
  }
  const library = join(directory, `${name}.so`)
  const source = packagePath(`test/helpers/shims/${name}.c`)
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, source, '-ldl'])
  return library
}
