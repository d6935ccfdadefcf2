// A server of an installation that serves nobody, to see what it can load: a cluster of its own, gone afterwards.
import { mkdtempSync, rmSync } from 'node:fs'
import { chown } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runProcess } from '../adapters/process.ts'
import type { Cluster } from './locate.ts'

const timeLimitMs = 120_000

/** Begins a session with these settings and ends it. @throws PginstallError io_error, with what the server said as detail */
export type Trial = (settings: Record<string, string>) => Promise<void>

/** As the OS user of the cluster's server, whom it has to serve. */
export async function withTrialServer<T>(
  { installation, owner }: Pick<Cluster, 'installation' | 'owner'>,
  signal: AbortSignal,
  work: (trial: Trial) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'pginstall-try-'))
  const user = process.getuid?.() === 0 ? { user: { uid: owner.uid, gid: owner.gid } } : {}
  const options = { signal, timeoutMs: timeLimitMs, cwd: directory, ...user }
  const data = join(directory, 'data')
  const program = (name: string) => join(installation.bindir, name)
  try {
    await chown(directory, owner.uid, owner.gid)
    const initdb = ['-D', data, '-U', 'pginstall', '-A', 'trust', '--no-locale', '--no-sync']
    await runProcess(program('initdb'), initdb, options)
    return await work(async (settings) => {
      // Without input the session ends as soon as it has begun, which is when its libraries are loaded.
      const given = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
      await runProcess(program('postgres'), ['--single', '-D', data, '-F', ...given, 'postgres'], options)
    })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
