// A private copy of the machine's PostgreSQL installation with our extension in it or not, so that nothing is ever written into
// the system's directories. PostgreSQL finds everything from where its program is: copied programs, links to the rest.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { packagePath } from '../../src/adapters/package-root.ts'
import { type PgConfig, readPgConfig } from '../../src/adapters/pg-config.ts'

/** The major that is tested when nothing else is said. */
export const defaultPgConfig = process.env.PGINSTALL_TEST_PG_CONFIG ?? '/usr/lib/postgresql/15/bin/pg_config'

const copiedPrograms = ['postgres', 'initdb', 'pg_ctl', 'pg_config']

/** Makes it below `directory`; the answer is what its own pg_config says. */
export async function makePrivateInstallation(
  directory: string,
  pgConfig = defaultPgConfig,
  { withExtension = true } = {},
): Promise<PgConfig> {
  const signal = AbortSignal.timeout(60_000)
  const real = await readPgConfig(pgConfig, signal)
  const prefix = commonPrefix(real.bindir, real.sharedir)
  const place = (path: string) => join(directory, relative(prefix, path))
  copyPrograms(real.bindir, place(real.bindir))
  linkChildren(real.pkglibdir, place(real.pkglibdir))
  linkChildren(real.sharedir, place(real.sharedir), ['extension'])
  linkChildren(join(real.sharedir, 'extension'), join(place(real.sharedir), 'extension'))
  for (const path of [real.includedirServer, real.localedir]) {
    if (path.startsWith(prefix + '/') && existsSync(path) && !existsSync(place(path))) {
      mkdirSync(dirname(place(path)), { recursive: true })
      symlinkSync(path, place(path))
    }
  }
  const own = await readPgConfig(join(place(real.bindir), 'pg_config'), signal)
  if (withExtension) make(builtExtension(real), `PG_CONFIG=${own.path}`, 'install')
  return own
}

/** What `make install` makes of our extension for an installation, below a directory. */
export function stageExtension(installation: PgConfig, directory: string): void {
  make(builtExtension(installation), `PG_CONFIG=${installation.path}`, `DESTDIR=${directory}`, 'install')
}

/** The extension, built once for each state of its sources and each server; complete or absent. */
function builtExtension(pgConfig: PgConfig): string {
  const sources = packagePath('pgext')
  const hash = createHash('sha256').update(pgConfig.version)
  for (const file of readdirSync(sources, { recursive: true, encoding: 'utf8' }).toSorted()) {
    const path = join(sources, file)
    if (/\.(c|h|sql|control)$|Makefile$/.test(file)) hash.update(file).update(readFileSync(path))
  }
  const directory = packagePath(`build/pgext/${hash.digest('hex')}`)
  if (existsSync(directory)) return directory
  const fresh = `${directory}.${process.pid}`
  cpSync(sources, fresh, { recursive: true, filter: (file) => !/\.(o|so|bc)$/.test(file) })
  make(fresh, `PG_CONFIG=${pgConfig.path}`, 'all')
  try {
    renameSync(fresh, directory)
  } catch {
    // Another test was faster.
    rmSync(fresh, { recursive: true })
  }
  return directory
}

function make(directory: string, ...args: string[]): void {
  execFileSync('make', ['--silent', '-C', directory, 'with_llvm=no', ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
}

function copyPrograms(from: string, to: string): void {
  linkChildren(from, to, copiedPrograms)
  for (const program of copiedPrograms) copyFileSync(join(from, program), join(to, program))
}

function linkChildren(from: string, to: string, except: string[] = []): void {
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) {
    if (!except.includes(name)) symlinkSync(join(from, name), join(to, name))
  }
}

function commonPrefix(a: string, b: string): string {
  const left = a.split('/')
  const right = b.split('/')
  return left
    .slice(
      0,
      left.findIndex((part, i) => part !== right[i]),
    )
    .join('/')
}
