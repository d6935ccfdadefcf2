// The whole cast: a private installation with the hook, a cluster, a repository server and a sidecar, each a real process.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { PgConfig } from '../../src/adapters/pg-config.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { type Daemon, pginstall, runPginstall, startPginstall, writeSettings } from './command.ts'
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

/** Where a part fails, or the signal is given, what had been started is stopped; the directory is then the caller's to remove. */
export async function setStage(
  directory = makeTemporaryDirectory(),
  // What a test publishes, its next statement is to see.
  { indexMaxAge = '0s', signal = new AbortController().signal }: StageOptions = {},
): Promise<Stage> {
  const started: Stop[] = []
  try {
    return await startParts(directory, { indexMaxAge, signal }, started)
  } catch (thrown) {
    await stopAll(started)
    throw thrown
  }
}

type StageOptions = { indexMaxAge?: string; signal?: AbortSignal }
type Stop = () => unknown

/** In reverse order. One that cannot be stopped keeps none of the others running. */
async function stopAll(started: Stop[]): Promise<void> {
  const failures: unknown[] = []
  for (const stop of started.splice(0).reverse()) {
    try {
      await stop()
    } catch (thrown) {
      failures.push(thrown)
    }
  }
  if (failures.length > 0) throw failures[0]
}

async function startParts(
  directory: TemporaryDirectory,
  { indexMaxAge, signal }: Required<StageOptions>,
  started: Stop[],
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
  signal.throwIfAborted()
  const cluster = await startCluster(directory, installation, {
    session_preload_libraries: 'pginstall',
    dynamic_library_path: `$libdir:${join(state, 'main', 'lib')}`,
    'pginstall.socket': socket,
    'pginstall.directory': state,
    'pginstall.sidecar_user': serviceUser,
  })
  started.push(() => cluster.stop())
  signal.throwIfAborted()
  // Also after a failure: a signal may have ended the command when the server it waits for was up.
  started.push(() => stopServer(configDirectory))
  pginstall(configDirectory, 'server', 'start')
  const repository = JSON.parse(pginstall(configDirectory, 'server', 'status', '--json')) as Stage['repository']
  writeSettings(configDirectory, `repositories/${repositoryName}`, { uri: repository.uri, key: repository.publicKey })
  await setImmediate()
  signal.throwIfAborted()
  let sidecar = await startSidecar(configDirectory, sidecarLog)
  started.push(() => sidecar.stop())
  signal.throwIfAborted()
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
      await stopAll(started)
      directory.remove()
    },
  }
}

function startSidecar(configDirectory: string, logFile: string): Promise<Daemon> {
  return startPginstall(configDirectory, ['sidecar'], { ready: 'pginstall sidecar: listening on', logFile })
}

function stopServer(configDirectory: string): void {
  const notRunning = 3
  if (runPginstall(configDirectory, ['server', 'status']).status === notRunning) return
  pginstall(configDirectory, 'server', 'stop')
}
