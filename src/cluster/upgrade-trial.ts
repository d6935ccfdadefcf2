// What pg_upgrade does first: it loads all modules of the old cluster in one session of the new installation.
import { PginstallError } from '../model/errors.ts'
import type { Cluster } from './locate.ts'
import { type Trial, withTrialServer } from './trial-server.ts'

export type TrialOutcome = {
  /** What the server says when it is started with the new cluster's shared_preload_libraries; undefined when all is well. */
  preload?: string
  /** Of libraries that cannot be loaded, by name. */
  faults: Map<string, string>
}

export async function tryLibraries(
  cluster: Cluster,
  libraries: string[],
  settings: { dynamic_library_path: string; shared_preload_libraries: string },
  signal: AbortSignal,
): Promise<TrialOutcome> {
  const ordered = libraries.toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1))
  return withTrialServer(cluster, signal, async (trial) => {
    const preload = await faultOf(trial, settings, signal)
    const given = preload === undefined ? settings : { ...settings, shared_preload_libraries: '' }
    const loading = (names: string[]) =>
      faultOf(trial, { ...given, session_preload_libraries: names.map(quote).join(',') }, signal)
    const faults = new Map<string, string>()
    if ((await loading(ordered)) !== undefined) {
      const good: string[] = []
      for (const library of ordered) {
        const fault = await loading([...good, library])
        if (fault === undefined) good.push(library)
        else faults.set(library, fault)
      }
    }
    return preload === undefined ? { faults } : { preload, faults }
  })
}

async function faultOf(
  trial: Trial,
  settings: Record<string, string>,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    await trial(settings)
    return undefined
  } catch (cause) {
    signal.throwIfAborted()
    if (!(cause instanceof PginstallError)) throw cause
    const said = cause.detail ?? cause.message
    return /(?:FATAL|ERROR): +(.*)/.exec(said)?.[1] ?? said
  }
}

function quote(library: string): string {
  return `"${library.replaceAll('"', '""')}"`
}
