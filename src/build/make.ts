// Runs the source's own build: configure where it has one, make, make install into a staging tree.
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { PgConfig } from '../adapters/pg-config.ts'
import { plainEnvironment } from '../adapters/process.ts'
import { PginstallError } from '../model/errors.ts'
import type { BuildSpace } from './build-space.ts'
import { writeCompilerShims } from './compiler-shims.ts'

export type MakeOptions = {
  pg: PgConfig
  /** GNU make. */
  gmake: string
  onLine: (line: string) => void
}

const buildTimeoutMs = 2 * 60 * 60_000
const stripTimeoutMs = 10 * 60_000

/**
 * Builds the tree and installs it below a staging directory, which it returns.
 * @throws PginstallError build_failed
 */
export async function makeInstall(space: BuildSpace, { pg, gmake, onLine }: MakeOptions): Promise<string> {
  const stage = join(space.root, 'stage')
  // Some Makefiles install into directories that they expect to be there.
  const expected = [join(pg.sharedir, 'extension'), pg.pkglibdir, pg.bindir, pg.includedirServer, pg.docdir]
  for (const directory of expected) await space.makeDirectory(join(stage, directory))
  // Those that call a bare pg_config must reach the right one.
  const env = { PATH: [await writeCompilerShims(space, pg), pg.bindir, plainEnvironment.PATH].join(':') }
  const run = async (command: string, args: string[]) => {
    onLine(`$ ${[command, ...args].join(' ')}`)
    await space.run(command, args, { cwd: space.tree, env, timeoutMs: buildTimeoutMs, onLine }).catch(asBuildFailure)
  }
  const has = (file: string) => exists(join(space.tree, file))
  if ((await has('configure.ac')) && (await has('autogen.sh')) && !(await has('configure')))
    await run('./autogen.sh', [])
  if (await has('configure')) await run('./configure', [`--with-pgconfig=${pg.path}`])
  if (!(await hasMakefile(space.tree))) {
    throw new PginstallError(
      'build_failed',
      'the source has neither a Makefile nor a configure script that makes one',
      {
        hint: 'The directory to build is the one that has the Makefile for PGXS.',
      },
    )
  }
  // COPT is PGXS's place for options to every compiler and linker call. Neither the directory of the build nor an ID
  // computed over it may get into a module. Bitcode, LLVM's, works in the server's own directory only.
  const reproducible = `COPT=-ffile-prefix-map=${space.tree}=. -Wl,--build-id=none`
  const variables = [`PG_CONFIG=${pg.path}`, 'USE_PGXS=1', 'with_llvm=no', reproducible]
  await run(gmake, variables)
  await run(gmake, [...variables, `DESTDIR=${stage}`, 'install'])
  return stage
}

/**
 * Strips modules, which PGXS does not: two thirds of their bytes are debug information.
 * @throws PginstallError build_failed
 */
export async function stripModules(space: BuildSpace, modules: string[]): Promise<void> {
  if (modules.length === 0) return
  const args = ['--strip-unneeded', '--', ...modules]
  await space.run('strip', args, { cwd: space.root, timeoutMs: stripTimeoutMs }).catch(asBuildFailure)
}

async function hasMakefile(tree: string): Promise<boolean> {
  for (const name of ['GNUmakefile', 'makefile', 'Makefile']) if (await exists(join(tree, name))) return true
  return false
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function asBuildFailure(cause: unknown): never {
  if (!(cause instanceof PginstallError) || cause.is('query_canceled')) throw cause
  throw new PginstallError('build_failed', `could not build the source: ${cause.message}`, {
    ...(cause.detail === undefined ? {} : { detail: cause.detail }),
    cause,
  })
}
