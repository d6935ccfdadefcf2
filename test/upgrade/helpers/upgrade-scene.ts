// Two majors on one machine, each with a cluster that is a target with a sidecar of its own, and a repository server.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PgConfig } from '../../../src/adapters/pg-config.ts'
import { majorOf } from '../../../src/model/platform.ts'
import { type Cluster, startCluster } from '../../helpers/cluster.ts'
import {
  type Daemon,
  type Outcome,
  pginstall,
  runPginstall,
  startPginstall,
  writeSettings,
} from '../../helpers/command.ts'
import { repositoryUser, serverUser, serviceUser, spawnAs } from '../../helpers/os-users.ts'
import { makePrivateInstallation } from '../../helpers/private-installation.ts'
import { makeTemporaryDirectory, type TemporaryDirectory } from '../../helpers/temporary-directory.ts'

export type Side = {
  name: 'old' | 'new'
  installation: PgConfig
  major: number
  data: string
  cluster: Cluster
  sidecar: Daemon
  /** The cluster again, after its server was stopped. */
  start(): Promise<void>
}

export type UpgradeScene = {
  directory: TemporaryDirectory
  old: Side
  fresh: Side
  /** Builds a source tree for these sides, and publishes it. */
  publish(source: string, fullNames: string[], ...sides: Side[]): void
  prepare(...args: string[]): Outcome
  /**
   * Late minors mark each column (pg_attver), which the pg_dump of a new major that is older than they does not know: no
   * table whatsoever can be upgraded then. Takes the marks away where that is so.
   */
  clearMarks(): Promise<boolean>
  /** pg_upgrade; what it said. @throws Error with that when it fails */
  upgrade(...args: string[]): string
  close(): Promise<void>
}

const upgradeTimeoutMs = 300_000

export async function setUpgradeScene(oldPgConfig: string, newPgConfig: string): Promise<UpgradeScene> {
  const directory = makeTemporaryDirectory('upgrade')
  const configDirectory = directory.make('etc')
  const state = directory.make('state', serviceUser)
  writeSettings(configDirectory, 'pginstall', {
    ...{ user: serviceUser, server_user: serverUser, directory: state, repositories: 'stage', listen_port: '0' },
    ...{ pg_config: oldPgConfig, repository_user: repositoryUser },
    server_directory: directory.make('server', repositoryUser),
  })
  pginstall(configDirectory, 'server', 'start')
  const status = JSON.parse(pginstall(configDirectory, 'server', 'status', '--json'))
  writeSettings(configDirectory, 'repositories/stage', { uri: status.uri, key: status.publicKey })
  const makeSide = (name: Side['name'], pgConfig: string) => setSide(name, pgConfig, directory, configDirectory)
  const old = await makeSide('old', oldPgConfig)
  const fresh = await makeSide('new', newPgConfig)
  await fresh.cluster.stop()
  return {
    directory,
    old,
    fresh,
    publish(source, fullNames, ...sides) {
      const installations = sides.flatMap(({ installation }) => ['--pg-config', installation.path])
      for (const fullName of fullNames) {
        const output = directory.make(`archives/${Date.now()}-${fullName.replaceAll('/', '+')}`)
        const args = [source, '--full-name', fullName, '--output', output, ...installations]
        pginstall(configDirectory, 'build', ...args)
        const files = readdirSync(output).filter((file) => file.endsWith('.tar.gz'))
        const paths = files.map((file) => join(output, file))
        pginstall(configDirectory, 'upload', '--server', status.uri, ...paths)
      }
    },
    prepare: (...args) => runPginstall(configDirectory, ['prepare-upgrade', '--role', 'postgres', ...args]),
    async clearMarks() {
      const knows = ({ bindir }: PgConfig) => readFileSync(join(bindir, 'pg_dump')).includes('pg_attver')
      if (!knows(old.installation) || knows(fresh.installation)) return false
      for (const database of ['postgres', 'template1', 'shop', 'crm']) {
        const { query } = await old.cluster.connect({ database })
        await query(`UPDATE pg_attribute SET attoptions = NULL WHERE attoptions::text LIKE '{pg_attver=%'`)
      }
      return true
    },
    upgrade: (...args) => runUpgrade(old, fresh, directory, args),
    async close() {
      for (const { sidecar, cluster } of [old, fresh]) {
        await sidecar.stop()
        await cluster.stop()
      }
      pginstall(configDirectory, 'server', 'stop')
      directory.remove()
    },
  }
}

async function setSide(
  name: Side['name'],
  pgConfig: string,
  directory: TemporaryDirectory,
  configDirectory: string,
): Promise<Side> {
  const installation = await makePrivateInstallation(directory.make(`${name}-postgresql`), pgConfig)
  const socket = join(directory.make('run', serviceUser), name)
  const state = join(directory.path, 'state')
  const data = join(directory.path, name, 'data')
  const own = { target: name, pg_config: installation.path, data_directory: data, socket }
  writeSettings(configDirectory, `targets/${name}/pginstall`, own)
  const settings = {
    session_preload_libraries: 'pginstall',
    dynamic_library_path: `$libdir:${join(state, name, 'lib')}`,
    'pginstall.socket': socket,
    'pginstall.directory': state,
    'pginstall.sidecar_user': serviceUser,
  }
  const start = () => startCluster(directory, installation, settings, name)
  const side: Side = {
    ...{ name, installation, data },
    major: majorOf(installation.versionNum),
    cluster: await start(),
    sidecar: await startPginstall(configDirectory, ['sidecar', '--target', name], {
      ready: 'pginstall sidecar: listening on',
      logFile: join(directory.path, `${name}-sidecar.log`),
    }),
    async start() {
      side.cluster = await start()
    },
  }
  return side
}

/** Checksums are the new cluster's default since 18, and both must agree. */
function runUpgrade(old: Side, fresh: Side, directory: TemporaryDirectory, args: string[]): string {
  const options = { ...spawnAs(serverUser), cwd: directory.make('pg_upgrade', serverUser), encoding: 'utf8' as const }
  const run = (program: string, programArgs: string[]) =>
    execFileSync(join(fresh.installation.bindir, program), programArgs, { ...options, timeout: upgradeTimeoutMs })
  if (fresh.major >= 18 && old.major < 18) {
    const checksums = execFileSync(join(old.installation.bindir, 'pg_controldata'), [old.data], options)
    if (/checksum version: +0/.test(checksums)) {
      execFileSync(join(old.installation.bindir, 'pg_checksums'), ['--enable', '-D', old.data], options)
    }
  }
  try {
    return run('pg_upgrade', [
      ...['-b', old.installation.bindir, '-B', fresh.installation.bindir, '-d', old.data, '-D', fresh.data],
      ...['-U', 'postgres', '-s', directory.make('pg_upgrade', serverUser), ...args],
    ])
  } catch (cause) {
    const { stdout } = cause as { stdout?: string }
    throw new Error(`pg_upgrade failed:\n${stdout}\n${lastWords(fresh.data)}`, { cause })
  }
}

/** The ends of what the programs that pg_upgrade ran have written. */
function lastWords(data: string): string {
  const logs = readdirSync(join(data, 'pg_upgrade_output.d'), { recursive: true, encoding: 'utf8' })
  const ends = logs
    .filter((name) => name.endsWith('.log'))
    .map((name) => `${name}:\n${readFileSync(join(data, 'pg_upgrade_output.d', name), 'utf8').slice(-1500)}`)
  return ends.join('\n')
}
