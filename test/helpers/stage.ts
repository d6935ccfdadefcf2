// The whole cast: a private installation with the hook, a cluster, a repository server and a sidecar, each a real process.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { PgConfig } from '../../src/adapters/pg-config.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { type Daemon, pginstall, startPginstall, writeSettings } from './command.ts'
import { repositoryUser, serverUser, serviceUser } from './os-users.ts'
import { makePrivateInstallation } from './private-installation.ts'
import { makeTemporaryDirectory, type TemporaryDirectory } from './temporary-directory.ts'

/** What the stage calls its repository. */
export const repositoryName = 'stage'

export type Stage = {
  directory: TemporaryDirectory
  installation: PgConfig
  cluster: Cluster
  sidecar: Daemon
  /** Where sidecar and server read their settings. */
  configDirectory: string
  /** Where the sidecar keeps what it places. */
  state: string
  repository: { uri: string; publicKey: string; pid: number }
  /** Settings of the sidecar, over those of the stage; they hold from the next request on. */
  configure(settings: Record<string, string>): void
  startSidecar(): Promise<void>
  /** Builds a source tree for each full name and uploads it; the archives' files. */
  publish(source: string, fullNames: string[], ...buildArguments: string[]): string[]
  close(): Promise<void>
}

export async function setStage(
  directory = makeTemporaryDirectory(),
  // What a test publishes, its next statement is to see.
  { indexMaxAge = '0s' } = {},
): Promise<Stage> {
  const configDirectory = directory.make('etc')
  const state = directory.make('state', serviceUser)
  const socket = join(directory.make('run', serviceUser), 'sidecar')
  const sidecarLog = join(directory.path, 'sidecar.log')
  const installation = await makePrivateInstallation(directory.make('postgresql'))
  const settings = {
    pg_config: installation.path,
    user: serviceUser,
    repository_user: repositoryUser,
    server_directory: directory.make('server', repositoryUser),
    listen_port: '0',
    index_max_age: indexMaxAge,
    directory: state,
    socket,
    server_user: serverUser,
    repositories: repositoryName,
  }
  writeSettings(configDirectory, 'pginstall', settings)
  const [cluster, repository] = await Promise.all([
    startCluster(directory, installation, {
      session_preload_libraries: 'pginstall',
      dynamic_library_path: `$libdir:${join(state, 'main', 'lib')}`,
      'pginstall.socket': socket,
      'pginstall.directory': state,
      'pginstall.sidecar_user': serviceUser,
    }),
    startRepository(configDirectory),
  ])
  writeSettings(configDirectory, `repositories/${repositoryName}`, { uri: repository.uri, key: repository.publicKey })
  let sidecar = await startSidecar(configDirectory, sidecarLog)
  return {
    directory,
    installation,
    cluster,
    configDirectory,
    state,
    repository,
    get sidecar() {
      return sidecar
    },
    configure: (changes) => writeSettings(configDirectory, 'pginstall', { ...settings, ...changes }),
    async startSidecar() {
      sidecar = await startSidecar(configDirectory, sidecarLog)
    },
    publish(source, fullNames, ...buildArguments) {
      return fullNames.flatMap((fullName) => {
        const output = directory.make(`archives/${fullName.replaceAll('/', '+')}`)
        pginstall(configDirectory, 'build', source, '--full-name', fullName, '--output', output, ...buildArguments)
        const files = readdirSync(output)
          .filter((file) => file.endsWith('.tar.gz'))
          .map((file) => join(output, file))
        pginstall(configDirectory, 'upload', '--server', repository.uri, ...files)
        return files
      })
    },
    async close() {
      await sidecar.stop()
      pginstall(configDirectory, 'server', 'stop')
      await cluster.stop()
      directory.remove()
    },
  }
}

function startSidecar(configDirectory: string, logFile: string): Promise<Daemon> {
  return startPginstall(configDirectory, ['sidecar'], { ready: 'pginstall sidecar: listening on', logFile })
}

async function startRepository(configDirectory: string): Promise<Stage['repository']> {
  pginstall(configDirectory, 'server', 'start')
  return JSON.parse(pginstall(configDirectory, 'server', 'status', '--json')) as Stage['repository']
}
