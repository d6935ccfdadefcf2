// Our extension in a PostgreSQL installation: its module, control file and SQL. Placed by rename, the module first and
// tried before: a module that is missing, half there or broken refuses every login.
import { randomUUID } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { rename, rm, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { replaceFile, syncPath, writeDurably } from '../adapters/files.ts'
import { packagePath } from '../adapters/package-root.ts'
import type { PgConfig } from '../adapters/pg-config.ts'
import { plainEnvironment, runProcess } from '../adapters/process.ts'
import { describeCause, PginstallError } from '../model/errors.ts'
import { planLeftovers } from './leftovers.ts'
import type { Cluster } from './locate.ts'
import type { Step } from './plan.ts'
import { libraryName } from './setting-values.ts'
import { withTrialServer } from './trial-server.ts'

const buildTimeLimitMs = 300_000

/** The module of an installation. */
export function modulePath({ pkglibdir }: PgConfig): string {
  return join(pkglibdir, `${libraryName}.so`)
}

/** All files of ours in an installation, in the order to place them; that to remove them is the reverse. */
export function installedFiles(installation: PgConfig): string[] {
  const folder = extensionDirectory(installation)
  const scripts = listIfThere(folder)
    .filter((file) => file.startsWith(`${libraryName}--`) && file.endsWith('.sql'))
    .map((file) => join(folder, file))
  return [modulePath(installation), ...scripts, join(folder, `${libraryName}.control`)].filter(existsSync)
}

/** Steps that remove what an interrupted run has left beside them. */
export function planFileLeftovers(installation: PgConfig): Step[] {
  return planLeftovers([installation.pkglibdir, extensionDirectory(installation)], (file) =>
    /^pginstall(\.so|\.control|--.*\.sql)$/.test(file),
  )
}

/**
 * Builds the extension for an installation and hands over the directory that `make install` filled, which has the
 * whole path of each file below it.
 * @throws PginstallError build_failed
 */
export async function withBuiltExtension<T>(
  installation: PgConfig,
  signal: AbortSignal,
  work: (staged: string) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'pginstall-setup-'))
  try {
    const [source, staged] = [join(directory, 'source'), join(directory, 'staged')]
    cpSync(packagePath('pgext'), source, { recursive: true, filter: (file) => !/\.(o|so|bc)$/.test(file) })
    // The same sources give the same bytes, wherever they are compiled: what is there already need not be replaced.
    const flags = `PG_CFLAGS=-ffile-prefix-map=${source}=pgext`
    const args = ['-C', source, `PG_CONFIG=${installation.path}`, flags, `DESTDIR=${staged}`, 'install']
    await runProcess('make', args, { signal, timeoutMs: buildTimeLimitMs, env: plainEnvironment }).catch((cause) => {
      throw new PginstallError(
        'build_failed',
        `could not build the extension "${libraryName}": ${describeCause(cause)}`,
        {
          ...(cause instanceof PginstallError && cause.detail !== undefined ? { detail: cause.detail } : {}),
          hint: `It needs make, a C compiler and the development files of ${installation.version.split(' (')[0]}; or give one that was built elsewhere: --built DIRECTORY.`,
          cause,
        },
      )
    })
    return await work(staged)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A file to be placed: from a directory that `make install` filled. */
export type StagedFile = { path: string; content: Buffer }

/**
 * The files that differ from what the installation has, in the order to place them.
 * @throws PginstallError undefined_file when the directory does not have them all
 */
export function changedFiles(installation: PgConfig, staged: string): StagedFile[] {
  const folder = extensionDirectory(installation)
  const scripts = listIfThere(join(staged, folder)).filter((file) => /^pginstall--.*\.sql$/.test(file))
  const files = [
    modulePath(installation),
    ...scripts.map((file) => join(folder, file)),
    join(folder, 'pginstall.control'),
  ]
  const missing = files.filter((path) => !existsSync(join(staged, path)))
  if (missing.length > 0 || scripts.length === 0) {
    throw new PginstallError('undefined_file', `the extension "${libraryName}" is not in "${staged}"`, {
      detail: `There is no ${join(staged, missing[0] ?? join(folder, 'pginstall--*.sql'))}.`,
      hint: `Fill it with: make -C pgext install PG_CONFIG=${installation.path} DESTDIR=${staged}`,
    })
  }
  return files
    .map((path) => ({ path, content: readFileSync(join(staged, path)) }))
    .filter(({ path, content }) => !existsSync(path) || !content.equals(readFileSync(path)))
}

export async function placeFile(file: StagedFile, cluster: Cluster, signal: AbortSignal): Promise<void> {
  if (file.path !== modulePath(cluster.installation)) return replaceFile(file.path, file.content)
  const fresh = `${file.path}.${randomUUID()}.new`
  try {
    await writeDurably(fresh, file.content, 0o755)
    await tryModule(fresh, cluster, signal)
    await rename(fresh, file.path)
  } catch (cause) {
    await rm(fresh, { force: true })
    throw cause
  }
  await syncPath(dirname(file.path))
}

export async function removeFile(path: string): Promise<void> {
  await unlink(path)
  await syncPath(dirname(path))
}

/**
 * Loads a module in a server of the same installation that serves nobody: from the place where it is to stay, since
 * file systems for temporary files often let nothing be executed.
 */
async function tryModule(module: string, cluster: Cluster, signal: AbortSignal): Promise<void> {
  try {
    await withTrialServer(cluster, signal, (trial) => trial({ session_preload_libraries: module }))
  } catch (cause) {
    signal.throwIfAborted()
    const name = basename(modulePath(cluster.installation))
    throw new PginstallError('build_failed', `the server cannot load the new ${name}`, {
      detail: cause instanceof PginstallError ? (cause.detail ?? cause.message) : describeCause(cause),
      hint: 'Nothing was replaced.',
      cause,
    })
  }
}

function extensionDirectory({ sharedir }: PgConfig): string {
  return join(sharedir, 'extension')
}

function listIfThere(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : []
}
