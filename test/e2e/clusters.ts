// Two clusters of one installation on one machine: sockets, links, roots and policy of their own, and one store.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type Cluster, type Session, startCluster } from '../helpers/cluster.ts'
import { type Daemon, pginstall, startPginstall, writeSettings } from '../helpers/command.ts'
import { forgeArchive } from '../helpers/forged-archive.ts'
import { serverUser, serviceUser } from '../helpers/os-users.ts'
import { makePrivateInstallation } from '../helpers/private-installation.ts'
import { answeringModule, writeSourceTree } from '../helpers/source-trees.ts'
import { type StaticRepository, serveStaticRepository } from '../helpers/static-repository.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const directory = makeTemporaryDirectory('clusters')
const configDirectory = directory.make('etc')
const state = directory.make('state', serviceUser)
const targets = ['left', 'right'] as const
type Target = (typeof targets)[number]

let repository: StaticRepository
const clusters = {} as Record<Target, Cluster>
const sidecars: Daemon[] = []

test.before(async () => {
  repository = await serveStaticRepository()
  const installation = await makePrivateInstallation(directory.make('postgresql'))
  const sockets = directory.make('run', serviceUser)
  writeSettings(configDirectory, 'pginstall', { user: serviceUser, directory: state, repositories: 'common' })
  writeSettings(configDirectory, 'repositories/common', { uri: repository.uri, key: repository.publicKey })
  for (const target of targets) {
    configure(target, {
      ...{ target, pg_config: installation.path, server_user: serverUser, socket: join(sockets, target) },
      data_directory: join(directory.path, target, 'data'),
    })
    clusters[target] = await startCluster(
      directory,
      installation,
      {
        session_preload_libraries: 'pginstall',
        dynamic_library_path: `$libdir:${join(state, target, 'lib')}`,
        'pginstall.socket': join(sockets, target),
        'pginstall.directory': state,
        'pginstall.sidecar_user': serviceUser,
      },
      target,
    )
  }
  await publish()
  sidecars.push(
    ...(await Promise.all(
      targets.map((target) =>
        startPginstall(configDirectory, ['sidecar', '--target', target], {
          ready: 'pginstall sidecar: listening on',
          logFile: join(directory.path, `${target}.log`),
        }),
      ),
    )),
  )
})

test.after.always(async () => {
  for (const sidecar of sidecars) await sidecar.stop()
  repository?.close()
  for (const cluster of Object.values(clusters)) await cluster.stop()
  directory.remove()
})

const own = {} as Record<Target, Record<string, string>>

/** The target's own settings: those of before and these. */
function configure(target: Target, settings: Record<string, string>): void {
  own[target] = { ...own[target], ...settings }
  writeSettings(configDirectory, `targets/${target}/pginstall`, own[target])
}

/** `answer` 1.0 and 2.0 with a module, and `mighty`, whose script only a superuser may run. */
async function publish(): Promise<void> {
  const output = directory.make('archives')
  for (const [version, number] of [
    ['1.0', 41],
    ['2.0', 42],
  ] as const) {
    const tree = writeSourceTree(directory.make('sources'), {
      name: 'answer',
      version,
      control: "module_pathname = '$libdir/answer'",
      sql: `CREATE FUNCTION answer() RETURNS int4 LANGUAGE c AS 'MODULE_PATHNAME', 'answer';`,
      module: answeringModule('answer', number),
    })
    const name = ['--full-name', 'git.example/ours/answer', '--output', output]
    pginstall(join(configDirectory, 'targets', 'left'), 'build', tree, ...name)
  }
  for (const file of readdirSync(output).filter((name) => name.endsWith('.tar.gz'))) {
    await repository.add(join(output, file))
  }
  const mighty = {
    fullName: 'git.example/ours/mighty',
    control: `default_version = '1.0'\ntrusted = true\n`,
    script: 'CREATE FUNCTION mighty() RETURNS name LANGUAGE internal AS $$current_user$$;',
  }
  await repository.add(await forgeArchive(directory.path, mighty))
  repository.publish()
}

async function session(target: Target, database: string, user = 'postgres'): Promise<Session> {
  clusters[target].psql(`CREATE DATABASE ${database}`)
  return clusters[target].connect({ database, user })
}

/** Of both, left first. */
function both<T>(of: (target: Target) => Promise<T>): Promise<T[]> {
  return Promise.all(targets.map(of))
}

function links(target: Target): string[] {
  const folder = join(state, target, 'lib')
  return readdirSync(folder).map((name) => readlinkSync(join(folder, name)))
}

/** What the control files of all its extension roots say. */
function trusted(target: Target, name: string): string[] {
  const roots = readdirSync(join(state, target, 'roots'), { recursive: true, encoding: 'utf8' })
  return roots
    .filter((path) => path.endsWith(`/extension/${name}.control`))
    .map((path) => /^trusted = '(.*)'$/m.exec(readFileSync(join(state, target, 'roots', path), 'utf8'))?.[1] ?? '')
}

test.serial('both install the same at the same moment: it is stored once, and each has its own links', async (t) => {
  const sessions = await Promise.all(targets.flatMap((target) => ['a', 'b', 'c'].map((name) => session(target, name))))
  await Promise.all(sessions.map(({ query }) => query('CREATE EXTENSION answer')))
  for (const { query } of sessions) {
    t.deepEqual(await query(`SELECT answer(), probin FROM pg_proc WHERE proname = 'answer'`), [
      { answer: 42, probin: 'answer--git.example+ours+answer' },
    ])
  }
  t.is(repository.requests.filter((path) => path.startsWith('archives/')).length <= 2, true, 'once for each sidecar')
  t.deepEqual(links('left'), links('right'))
  t.is(links('left').length, 1)
  const uses = ['left/a', 'left/b', 'left/c', 'right/a', 'right/b', 'right/c']
  const listed = pginstall(configDirectory, 'list', '--role', 'postgres')
  t.true(listed.includes(uses.join(', ')), listed)
  await Promise.all(sessions.map(({ client }) => client.end()))
})

test.serial('policy is each target’s own, and the grants of one are in no root of the other', async (t) => {
  for (const target of targets) {
    clusters[target].psql('CREATE ROLE app LOGIN')
    clusters[target].psql('CREATE DATABASE apps OWNER app')
    const grant = { role: 'app', extensions: 'git.example/ours/mighty', trusted: target === 'left' ? 'yes' : 'no' }
    writeSettings(configDirectory, `targets/${target}/grants/app`, grant)
  }
  configure('right', { deny: 'git.example/ours/answer' })
  const [left, right] = await both((target) => clusters[target].connect({ database: 'apps', user: 'app' }))
  const create = 'CREATE EXTENSION mighty'
  const errors = await Promise.all([left, right].map((one) => one?.errorOf(create)))
  t.is(errors[0]?.message, undefined)
  t.is(errors[1]?.message, 'permission denied to create extension "mighty"')
  t.deepEqual([trusted('left', 'mighty'), trusted('right', 'mighty')], [['true'], ['false']])
  const denied = await (await session('right', 'denied')).errorOf('CREATE EXTENSION answer')
  t.regex(denied?.detail ?? '', /: Setting "deny", line [0-9]+ of ".*\/targets\/right\/pginstall\.conf", has/)
  t.is(await (await session('left', 'allowed')).errorOf('CREATE EXTENSION answer'), undefined)
  configure('right', { deny: '' })
})

test.serial('each target has the versions that it is held at, linked for itself', async (t) => {
  const before = links('right')
  configure('left', { pins: 'git.example/ours/answer=1.0' })
  const [left, right] = await both((target) => session(target, 'held'))
  await Promise.all([left, right].map((one) => one?.query('CREATE EXTENSION answer')))
  const version = `SELECT extversion FROM pg_extension WHERE extname = 'answer'`
  t.deepEqual(await left?.query(version), [{ extversion: '1.0' }])
  t.deepEqual(await right?.query(version), [{ extversion: '2.0' }])
  // The newest that any database of the target needs.
  t.deepEqual(links('right'), before)
  await removeAll(t)
})

/** One target at a time: what the other uses stays. */
async function removeAll(t: ExecutionContext): Promise<void> {
  type Collected = { removed: { version: string; full_name: string }[] }
  const gc = () => (JSON.parse(pginstall(configDirectory, 'gc', '--role', 'postgres', '--json')) as Collected).removed
  const drop = async (target: Target) => {
    const databases = await clusters[target].connect()
    for (const { name } of await databases.query(`SELECT datname AS name FROM pg_database WHERE NOT datistemplate`)) {
      if (name !== 'postgres') await databases.query(`DROP DATABASE ${name} WITH (FORCE)`)
    }
  }
  await drop('left')
  t.deepEqual(
    gc().map(({ full_name, version }) => `${full_name} ${version}`),
    ['git.example/ours/answer 1.0', 'git.example/ours/mighty 1.0'],
  )
  t.is(links('right').length, 1)
  await drop('right')
  await clusters.left.stop()
  t.deepEqual(gc(), [], 'one that is down may use it')
  await clusters.left.restart()
  t.is(gc().length, 1)
  t.deepEqual([links('left'), links('right')], [[], []])
}
