// The stage of the CREATE EXTENSION benchmarks: the real extension `prefix`, published, and a database for either side.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { archivePath } from '../src/model/index.ts'
import { fetchSource } from '../test/helpers/source-trees.ts'
import { type Stage, setStage } from '../test/helpers/stage.ts'
import { openPsql, type PsqlSession } from './psql-session.ts'

export const fullName = 'github.com/dim/prefix'
export const createOurs = `CREATE EXTENSION "${fullName}";`
export const createStock = 'CREATE EXTENSION prefix;'

export type PrefixStage = {
  stage: Stage
  /** The published archive. */
  archive: string
  /** A session with the hook in it, in the database that has extension pginstall. */
  openOurs(): Promise<PsqlSession>
  /** A session without, in a database that never heard of us. */
  openStock(): Promise<PsqlSession>
  /** Takes away all that the sidecar has fetched and made of it. It keeps running. */
  emptyStore(): Promise<void>
  /** What a person types who unpacks the archive by hand, to where stock PostgreSQL looks. */
  unpackCommand: string
  removeUnpacked(): void
  close(): Promise<void>
}

/** Directories below the sidecar's with what it has fetched and made of it. */
const fetchedDirectories = ['store', 'files', 'incoming', 'repositories', 'main/lib', 'main/roots']

export async function setPrefixStage(): Promise<PrefixStage> {
  const stage = await setStage(undefined, { indexMaxAge: '10s' })
  const { cluster, installation } = stage
  // The helpers' clusters never flush, as suits tests; here durable installations are compared.
  cluster.psql('ALTER SYSTEM SET fsync = on')
  cluster.psql('SELECT pg_reload_conf()')
  for (const database of ['ours', 'stock']) cluster.psql(`CREATE DATABASE ${database}`)
  cluster.psql('CREATE EXTENSION pginstall', { database: 'ours' })
  const [archive] = stage.publish(fetchSource('prefix', 'trixie'), [fullName])
  if (archive === undefined) throw new Error('building prefix gave no archive')
  const sha256 = createHash('sha256').update(readFileSync(archive)).digest('hex')
  const url = new URL(archivePath(sha256, basename(archive)), stage.repository.uri).href
  const extensions = join(installation.sharedir, 'extension')
  // One tar command puts everything into one directory: the module is found there, too.
  symlinkSync(join(extensions, 'prefix.so'), join(installation.pkglibdir, 'prefix.so'))
  const { socketDirectory } = cluster
  return {
    stage,
    archive,
    openOurs: () => openPsql({ socketDirectory, database: 'ours' }),
    openStock: () => openPsql({ socketDirectory, database: 'stock', settings: { session_preload_libraries: '' } }),
    emptyStore: () => emptyStore(stage.state),
    unpackCommand: `curl -sSf ${url} | tar -xz -C ${extensions} --transform=s,^prefix/,,`,
    removeUnpacked() {
      for (const entry of execFileSync('tar', ['-tzf', archive], { encoding: 'utf8' }).trim().split('\n'))
        rmSync(join(extensions, entry.replace(/^prefix\//, '')), { force: true })
    },
    close: () => stage.close(),
  }
}

/** Long enough for what the sidecar does after an answer: it looks whether its copy of the index is complete. */
const settleMs = 200

async function emptyStore(state: string): Promise<void> {
  await delay(settleMs)
  for (const directory of fetchedDirectories.map((name) => join(state, name)).filter((path) => existsSync(path)))
    for (const entry of readdirSync(directory)) rmSync(join(directory, entry), { recursive: true })
}
