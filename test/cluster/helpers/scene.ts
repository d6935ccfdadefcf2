// A machine's worth of what set-up touches, all below one directory: an installation without our extension, clusters of
// it, settings and a place for units.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { packagePath } from '../../../src/adapters/package-root.ts'
import type { PgConfig } from '../../../src/adapters/pg-config.ts'
import { type Cluster, startCluster } from '../../helpers/cluster.ts'
import { type Outcome, runPginstall, writeSettings } from '../../helpers/command.ts'
import { serviceUser } from '../../helpers/os-users.ts'
import { makePrivateInstallation, stageExtension } from '../../helpers/private-installation.ts'
import { makeTemporaryDirectory, type TemporaryDirectory } from '../../helpers/temporary-directory.ts'

export type Scene = {
  directory: TemporaryDirectory
  installation: PgConfig
  configDirectory: string
  unitDirectory: string
  /** `directory` of the settings. */
  state: string
  addInstallation(name: string): Promise<PgConfig>
  addCluster(settings?: Record<string, string>, name?: string, installation?: PgConfig): Promise<Cluster>
  /** Starts the first cluster, which was stopped, again, with more on the command line of its server. */
  restartCluster(...args: string[]): Promise<Cluster>
  dataDirectory(name?: string): string
  /** `pginstall setup` with what is built already. */
  setup(...args: string[]): Outcome
  /** The same, killed right before its change of this number, from 1; false when it makes fewer. */
  killSetup(before: number, ...args: string[]): boolean
  /** What setup may have touched: path, and time and content as one text. */
  snapshot(): Record<string, string>
  close(): Promise<void>
}

export async function setScene(): Promise<Scene> {
  const directory = makeTemporaryDirectory('setup')
  const installation = await makePrivateInstallation(directory.make('postgresql'), undefined, { withExtension: false })
  const configDirectory = directory.make('etc')
  const unitDirectory = directory.make('units')
  const state = join(directory.path, 'state')
  writeSettings(configDirectory, 'pginstall', {
    pg_config: installation.path,
    user: serviceUser,
    directory: state,
    socket: join(directory.path, 'run', 'main.sock'),
  })
  const clusters: Cluster[] = []
  const dataDirectory = (name = 'cluster') => join(directory.path, name, 'data')
  const common = ['--role', 'postgres', '--unit-directory', unitDirectory]
  const staged = (pgConfig: string) => join(directory.path, 'staged', relative('/', dirname(pgConfig)))
  const stage = (of: PgConfig) => stageExtension(of, staged(of.path))
  stage(installation)
  const argumentsFor = (args: string[]) => {
    const given = args.indexOf('--pg-config')
    const built = staged(given === -1 ? installation.path : (args[given + 1] as string))
    return ['setup', ...common, ...(args.includes('--built') ? [] : ['--built', built]), ...args]
  }
  return {
    directory,
    installation,
    configDirectory,
    unitDirectory,
    state,
    async addInstallation(name) {
      const added = await makePrivateInstallation(directory.make(name), undefined, { withExtension: false })
      stage(added)
      return added
    },
    async addCluster(settings = {}, name = 'cluster', of = installation) {
      const cluster = await startCluster(directory, of, settings, name)
      clusters.push(cluster)
      return cluster
    },
    async restartCluster(...args) {
      const cluster = await startCluster(directory, installation, {}, 'cluster', args)
      clusters.push(cluster)
      return cluster
    },
    dataDirectory,
    setup: (...args) => runPginstall(configDirectory, argumentsFor(args)),
    killSetup: (before, ...args) => killBefore(configDirectory, argumentsFor(args), before),
    snapshot: () =>
      takeSnapshot([
        configDirectory,
        unitDirectory,
        state,
        join(directory.path, 'run'),
        installation.pkglibdir,
        join(installation.sharedir, 'extension'),
        join(dataDirectory(), 'postgresql.conf'),
        join(dataDirectory(), 'postgresql.auto.conf'),
      ]),
    async close() {
      await Promise.all(clusters.map((cluster) => cluster.stop()))
      directory.remove()
    },
  }
}

function killBefore(configDirectory: string, args: string[], before: number): boolean {
  const script = packagePath('dist/test/cluster/helpers/scripts/kill-before.js')
  const { status, signal, stderr } = spawnSync(
    process.execPath,
    ['--import', script, packagePath('dist/src/cli/main.js'), ...args],
    {
      // What a killed process leaves in the temporary directory goes with the scene.
      env: {
        ...process.env,
        PGINSTALL_CONFIG_DIR: configDirectory,
        TMPDIR: dirname(configDirectory),
        KILL_BEFORE: String(before),
      },
      encoding: 'utf8',
    },
  )
  if (signal === 'SIGKILL') return true
  if (status !== 0) throw new Error(`pginstall ${args.join(' ')} failed with status ${status}:\n${stderr}`)
  return false
}

function takeSnapshot(roots: string[]): Record<string, string> {
  const files = roots.filter(existsSync).flatMap((root) => [root, ...below(root)])
  return Object.fromEntries(
    files.map((path) => {
      const { mtimeMs, ino, mode, uid } = statSync(path)
      const content = statSync(path).isFile() && path.includes('.conf') ? readFileSync(path, 'utf8') : ''
      return [path, [mtimeMs, ino, mode, uid, content].join(' ')]
    }),
  )
}

function below(root: string): string[] {
  if (!statSync(root).isDirectory()) return []
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).map((name) => join(root, name))
}
