// shared_preload_libraries of a cluster: what files say, what runs, and a change of it that is sure to let the server start.
import { randomUUID } from 'node:crypto'
import { rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPrivateCluster } from '../adapters/private-cluster.ts'
import { PginstallError } from '../model/errors.ts'
import type { Cluster } from './locate.ts'
import { change, type Role, readServerSettings } from './server-settings.ts'
import { withSession } from './session.ts'
import {
  type Change,
  defaultValues,
  type FileValues,
  joinLibraries,
  splitLibraries,
  splitPath,
} from './setting-values.ts'
import { changeStoppedSettings, readStoppedSettings } from './stopped-settings.ts'

const name = 'shared_preload_libraries'

export type Preloading = {
  /** As the next start of the server will have it. */
  libraries: string[]
  /** As the running server was started with; undefined when none runs. */
  running: string[] | undefined
  /** dynamic_library_path, as the next start will have it. */
  path: string
  files: FileValues
}

/** @throws PginstallError config_file_error, io_error; invalid_parameter_value when files are not what decides */
export async function readPreloading(cluster: Cluster, role: Role, signal: AbortSignal): Promise<Preloading> {
  const running = cluster.server === undefined ? undefined : await readRunning(cluster, role)
  const files =
    running === undefined ? await readStoppedSettings(cluster, signal) : await readServerSettings(cluster, role)
  return {
    libraries: splitLibraries(files[name]?.value ?? ''),
    running,
    path: files.dynamic_library_path?.value ?? defaultValues.dynamic_library_path,
    files,
  }
}

async function readRunning(cluster: Cluster, role: Role): Promise<string[]> {
  const [row] = await withSession(cluster, { role, preload: false }, (session) =>
    session.query<{ setting: string; source: string }>(
      'SELECT setting, source FROM pg_catalog.pg_settings WHERE name = $1',
      [name],
    ),
  )
  if (row?.source === 'command line') {
    throw new PginstallError('invalid_parameter_value', `${name} stands on the command line of the server`, {
      detail: 'That wins over every file.',
      hint: 'Take it out there, into postgresql.conf, and restart the server.',
    })
  }
  return splitLibraries(row?.setting ?? '')
}

/** The file that the server will find under a plain name, as utils/fmgr/dfmgr.c looks for it. */
export async function findLibrary(library: string, path: string, pkglibdir: string): Promise<string | undefined> {
  for (const item of splitPath(path)) {
    const file = join(item.replace(/^\$libdir(?=\/|$)/, pkglibdir), `${library}.so`)
    const found = await stat(file).catch(() => undefined)
    if (found?.isFile()) return file
  }
  return undefined
}

/**
 * Starts a server that is made for this alone, with the same programs and as the same OS user, and stops it.
 * @throws PginstallError invalid_parameter_value when it does not start
 */
export async function tryPreloading(
  { installation, owner }: Cluster,
  libraries: string[],
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const directory = join(tmpdir(), `pginstall-${randomUUID()}`)
  try {
    const trial = await openPrivateCluster({
      directory,
      bindir: installation.bindir,
      settings: { [name]: joinLibraries(libraries), dynamic_library_path: path },
      signal,
      ...(process.getuid?.() === 0 ? { owner } : {}),
    })
    await trial.close()
  } catch (cause) {
    if (!(cause instanceof PginstallError) || cause.is('query_canceled')) throw cause
    const list = libraries.map((library) => `'${library.replaceAll("'", "''")}'`).join(', ')
    throw new PginstallError('invalid_parameter_value', `a server does not start with ${name} = ${list}`, {
      detail: cause.detail ?? cause.message,
      hint: `Nothing was changed. If only the cluster's own settings make it start, type: ALTER SYSTEM SET ${name} = ${list};`,
      cause,
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Holds from the next start of the server on. @throws PginstallError io_error, config_file_error */
export async function setPreloading(cluster: Cluster, role: Role, { files }: Preloading, libraries: string[]) {
  const changes: Change[] = [{ name, value: libraries }]
  if (cluster.server === undefined) return changeStoppedSettings(cluster, changes)
  if (libraries.length > 0) return change(cluster, role, changes)
  // ALTER SYSTEM would store an empty list as the library "", without which no server starts.
  if (splitLibraries(files[name]?.below ?? '').length > 0) {
    throw new PginstallError('config_file_error', `${name} is set in a file that ALTER SYSTEM cannot empty`, {
      detail: `Below ALTER SYSTEM it is "${files[name]?.below}".`,
      hint: 'Take it out of postgresql.conf, then type the same again.',
    })
  }
  return change(cluster, role, [{ name, value: undefined }])
}
