// The cast of a bad day: a cluster with the hook, a sidecar, and a repository that a test may make misbehave. Whatever
// happens, the server stays up and nothing is left lying about: `unharmed` says so after each test.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'
import type { Manifest } from '../../src/model/manifest.ts'
import { type Cluster, type Session, startCluster } from './cluster.ts'
import { type Daemon, pginstall, startPginstall, writeSettings } from './command.ts'
import { serverUser, serviceUser } from './os-users.ts'
import { makePrivateInstallation } from './private-installation.ts'
import { answeringModule, type SmallExtension, writeSourceTree } from './source-trees.ts'
import { makeTemporaryDirectory, type TemporaryDirectory } from './temporary-directory.ts'
import { type Behaviour, serveUnreliably, type UnreliableRepository, well } from './unreliable-repository.ts'

export type BadDay = {
  directory: TemporaryDirectory
  cluster: Cluster
  configDirectory: string
  state: string
  socket: string
  repository: UnreliableRepository
  /** Of extension `answer`. */
  archive: string
  manifest: Manifest
  /** Of the sidecar. */
  settings: Record<string, string>
  readonly sidecar: Daemon
  /** The archive of a small extension, git.example/NAME/NAME. */
  build(extension: SmallExtension, ...args: string[]): string
  /** Settings of the sidecar, over those of the day. */
  configure(settings: Record<string, string>): void
  /** Another repository's settings, or other ones of the day's. */
  configureRepository(name: string, repository: UnreliableRepository, settings?: Record<string, string>): void
  /** A new sidecar that has stored, learnt and remembered nothing; the repository behaves so from before its start. */
  forget(behaviour?: Behaviour): Promise<void>
  startSidecar(env?: Record<string, string>): Promise<Daemon>
  /** A session in a new database. */
  session(): Promise<Session>
  /** The server never restarted, no backend crashed, and no work is left half done. */
  unharmed(t: ExecutionContext): Promise<void>
  close(): Promise<void>
}

export const repositoryName = 'weak'
export const answer = 'CREATE EXTENSION "git.example/answer/answer"'
const answerExtension = {
  name: 'answer',
  control: "module_pathname = '$libdir/answer'",
  sql: `CREATE FUNCTION answer() RETURNS int4 LANGUAGE c AS 'MODULE_PATHNAME', 'answer';`,
  module: answeringModule('answer', 42),
}

/** A day with extension `answer` in the repository. */
export async function beginBadDay(clusterSettings: Record<string, string> = {}): Promise<BadDay> {
  const directory = makeTemporaryDirectory('bad-day')
  const configDirectory = directory.make('etc')
  const state = directory.make('state', serviceUser)
  const socket = join(directory.make('run', serviceUser), 'sidecar')
  const installation = await makePrivateInstallation(directory.make('postgresql'))
  const settings = {
    pg_config: installation.path,
    user: serviceUser,
    directory: state,
    socket,
    server_user: serverUser,
    repositories: repositoryName,
  }
  const configureRepository: BadDay['configureRepository'] = (name, { uri, publicKey }, more = {}) =>
    writeSettings(configDirectory, `repositories/${name}`, { uri, key: publicKey, ...more })
  const repository = await serveUnreliably()
  writeSettings(configDirectory, 'pginstall', settings)
  configureRepository(repositoryName, repository)
  const build: BadDay['build'] = (extension, ...args) => {
    const { name } = extension
    const output = directory.make(`archives/${name}`)
    const source = writeSourceTree(directory.make('sources'), extension)
    const fullName = `git.example/${name}/${name}`
    pginstall(configDirectory, 'build', source, '--full-name', fullName, '--output', output, ...args)
    return join(output, readdirSync(output).find((file) => file.endsWith('.tar.gz')) as string)
  }
  const archive = build(answerExtension)
  const manifest = await repository.add(archive)
  repository.publish()
  const cluster = await startCluster(directory, installation, {
    session_preload_libraries: 'pginstall',
    dynamic_library_path: `$libdir:${join(state, 'main', 'lib')}`,
    max_connections: '120',
    'pginstall.socket': socket,
    'pginstall.directory': state,
    'pginstall.sidecar_user': serviceUser,
    ...clusterSettings,
  })
  let sidecars = 0
  let sidecar: Daemon
  const startSidecar: BadDay['startSidecar'] = async (env = {}) => {
    const logFile = join(directory.path, `sidecar-${++sidecars}.log`)
    sidecar = await startPginstall(configDirectory, ['sidecar'], {
      ready: 'pginstall sidecar: listening on',
      logFile,
      env,
    })
    return sidecar
  }
  await startSidecar()
  let databases = 0
  return {
    directory,
    cluster,
    configDirectory,
    state,
    socket,
    repository,
    archive,
    manifest,
    settings,
    build,
    get sidecar() {
      return sidecar
    },
    configure: (changes) => writeSettings(configDirectory, 'pginstall', { ...settings, ...changes }),
    configureRepository,
    async forget(behaviour = well) {
      await sidecar.stop()
      for (const name of readdirSync(state)) rmSync(join(state, name), { recursive: true })
      writeSettings(configDirectory, 'pginstall', settings)
      configureRepository(repositoryName, repository)
      repository.behave(behaviour)
      await startSidecar()
    },
    startSidecar,
    async session() {
      const database = `d${++databases}`
      cluster.psql(`CREATE DATABASE ${database}`)
      return cluster.connect({ database })
    },
    async unharmed(t) {
      t.notRegex(cluster.log(), /terminated by signal|reinitializing|PANIC|server process .* exited with/)
      // A sidecar that has just started may be fetching indexes.
      for (let tries = 0; tries < 50 && halfDone(state).length > 0; tries++) await delay(100)
      t.deepEqual(halfDone(state), [])
      t.regex(cluster.psql('SELECT 1').output, /1 row/)
    },
    async close() {
      await sidecar.stop()
      repository.close()
      await cluster.stop()
      directory.remove()
    },
  }
}

/** Files in the work directories of sidecars; what is under way when it is looked at counts too. */
export function halfDone(state: string): string[] {
  const incoming = join(state, 'incoming')
  if (!existsSync(incoming)) return []
  const entries = readdirSync(incoming, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => !entry.isDirectory()).map(({ parentPath, name }) => join(parentPath, name))
}

/** The extension is created, and answers. */
export async function installs(t: ExecutionContext, session: Session): Promise<void> {
  await session.query(answer)
  t.deepEqual(await session.query('SELECT answer()'), [{ answer: 42 }])
}
