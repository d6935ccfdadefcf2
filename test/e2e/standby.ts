// A physical standby on a machine of its own, with a sidecar and an empty store: it serves queries that use what was
// installed on the primary, and nothing is written to the database for it.
import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { type Cluster, type Session, startCluster } from '../helpers/cluster.ts'
import { type Daemon, pginstall, startPginstall, writeSettings } from '../helpers/command.ts'
import { serverUser, serviceUser, spawnAs } from '../helpers/os-users.ts'
import { fetchSource, writeSourceTree } from '../helpers/source-trees.ts'
import { repositoryName, type Stage, setStage } from '../helpers/stage.ts'
import { numberExtension, numberModule } from './helpers/number-extension.ts'

let stage: Stage
let primary: Session
let standby: Cluster
let sidecar: Daemon
let state: string

test.before(async () => {
  stage = await setStage()
  stage.publish(fetchSource('prefix', 'trixie'), ['github.com/dim/prefix'])
  stage.publish(writeSourceTree(stage.directory.path, numberExtension), ['git.example/number'])
  primary = await stage.cluster.connect()
  await primary.query(`CREATE EXTENSION prefix;
    CREATE TABLE prefixes AS SELECT n::text::prefix_range AS p FROM generate_series(1000, 9999) n;
    CREATE INDEX ON prefixes USING gist (p);
    CREATE EXTENSION number;
    CREATE TABLE lists AS SELECT ARRAY[i::number] AS l FROM generate_series(1, 20) i; CREATE INDEX ON lists (l);
    ANALYZE`)
  // A newer version comes out; the standby has to take what the primary has recorded.
  const newer = { ...numberExtension, version: '1.1' }
  stage.publish(writeSourceTree(stage.directory.path, newer), ['git.example/number'])
  await makeStandby()
})

test.after.always(async () => {
  await sidecar?.stop()
  await standby?.stop()
  await stage?.close()
})

async function makeStandby(): Promise<void> {
  const { directory, cluster, installation } = stage
  state = directory.make('standby-state', serviceUser)
  const socket = join(directory.make('standby-run', serviceUser), 'sidecar')
  const configDirectory = directory.make('standby-etc')
  const { uri, publicKey } = stage.repository
  writeSettings(configDirectory, 'pginstall', {
    ...{ pg_config: installation.path, user: serviceUser, server_user: serverUser },
    ...{ directory: state, socket, repositories: repositoryName },
    data_directory: join(directory.path, 'standby', 'data'),
  })
  writeSettings(configDirectory, `repositories/${repositoryName}`, { uri, key: publicKey })
  const data = join(directory.make('standby', serverUser), 'data')
  execFileSync(
    join(installation.bindir, 'pg_basebackup'),
    ['-D', data, '-h', cluster.socketDirectory, '-U', 'postgres', '-R', '--checkpoint=fast', '--no-sync'],
    { ...spawnAs(serverUser), cwd: '/' },
  )
  const own = {
    unix_socket_directories: directory.make('standby/socket', serverUser),
    dynamic_library_path: `$libdir:${join(state, 'main', 'lib')}`,
    'pginstall.socket': socket,
    'pginstall.directory': state,
  }
  for (const [name, value] of Object.entries(own)) {
    appendFileSync(join(data, 'postgresql.conf'), `${name} = '${value}'\n`)
  }
  sidecar = await startPginstall(configDirectory, ['sidecar'], {
    ready: 'pginstall sidecar: listening on',
    logFile: join(directory.path, 'standby-sidecar.log'),
  })
  standby = await startCluster(directory, installation, {}, 'standby')
}

/** Until the standby has replayed all that the primary has written. */
async function caughtUp(): Promise<void> {
  const [row] = await primary.query('SELECT pg_current_wal_flush_lsn()::text AS lsn')
  const { query } = await standby.connect()
  const replayed = () => query(`SELECT pg_last_wal_replay_lsn() >= '${row?.lsn}' AS done`)
  while (!(await replayed())[0]?.done) await delay(20)
}

test.serial('its store is empty, and its record says what the primary has', async (t) => {
  const { query } = await standby.connect()
  t.false(existsSync(join(state, 'main', 'lib')))
  t.deepEqual(await query('SELECT pg_is_in_recovery() AS standby'), [{ standby: true }])
  t.deepEqual(await query('SELECT name, full_name FROM pginstall.installed ORDER BY name'), [
    { name: 'number', full_name: 'git.example/number' },
    { name: 'prefix', full_name: 'github.com/dim/prefix' },
  ])
})

test.serial('it serves functions and index scans of what the primary has, in the version recorded', async (t) => {
  const { query, notices } = await standby.connect()
  await query('SET enable_seqscan = off')
  t.deepEqual(await query(`SELECT p::text FROM prefixes WHERE p @> '4221234567'`), [{ p: '4221' }])
  t.deepEqual(await query(`SELECT count(*)::int FROM lists WHERE l >= ARRAY['11'::number]`), [{ count: 10 }])
  t.deepEqual(await query('SELECT answer()'), [{ answer: 42 }])
  t.regex(sidecar.log(), new RegExp(`"library":"${numberModule.replace('+', '\\+')}","version":"1\\.0"`))
  t.true(existsSync(join(state, 'store')))
  t.deepEqual(notices, [])
})

test.serial('what is installed after it was made works there, too', async (t) => {
  await primary.query('CREATE SCHEMA late; DROP EXTENSION number CASCADE; CREATE EXTENSION number SCHEMA late')
  await caughtUp()
  const { query } = await standby.connect()
  t.deepEqual(await query('SELECT late.answer()'), [{ answer: 42 }])
})

test.serial('gc asks it as any other, and keeps for a day what its primary may be about to need', async (t) => {
  const configDirectory = join(stage.directory.path, 'standby-etc')
  const ask = (...args: string[]) => JSON.parse(pginstall(configDirectory, ...args, '--role', 'postgres', '--json'))
  const used = ask('list').archives.map(({ full_name, databases }: { full_name: string; databases: object[] }) => [
    full_name,
    databases,
  ])
  const database = { target: 'main', database: 'postgres' }
  t.true(used.length > 0)
  for (const [name, databases] of used) t.deepEqual(databases, [database], name)
  await primary.query('BEGIN; DROP EXTENSION number CASCADE; COMMIT')
  await caughtUp()
  const { removed, kept } = ask('gc')
  t.deepEqual(removed, [])
  t.true(kept.length > 0)
  t.regex(kept[0].reasons.join(' '), /A transaction of target "main" that may have created it is still open\./)
  await primary.query('CREATE EXTENSION number SCHEMA late')
  await caughtUp()
})

test.serial('what is updated on the primary works there for who connects anew', async (t) => {
  const sql = `CREATE FUNCTION late.newer() RETURNS int4 AS 'MODULE_PATHNAME' LANGUAGE c;`
  const more = 'PG_FUNCTION_INFO_V1(newer);\nDatum newer(PG_FUNCTION_ARGS) { PG_RETURN_INT32(43); }\n'
  const newer = {
    ...numberExtension,
    version: '1.2',
    files: { 'number--1.0--1.1.sql': '', 'number--1.1--1.2.sql': sql },
  }
  stage.publish(writeSourceTree(stage.directory.path, { ...newer, module: newer.module + more }), [
    'git.example/number',
  ])
  const updating = await stage.cluster.connect()
  await updating.query('ALTER EXTENSION number UPDATE')
  await caughtUp()
  const stale = await standby.connect()
  const error = await stale.errorOf('SELECT late.newer()')
  t.is(error?.code, '55000')
  t.regex(error?.message ?? '', /^this session has an older version of module/)
  t.deepEqual(await (await standby.connect()).query('SELECT late.newer(), late.answer()'), [{ newer: 43, answer: 42 }])
})

test.serial('CREATE EXTENSION is refused there before anybody is asked', async (t) => {
  const before = sidecar.log()
  const { errorOf } = await standby.connect()
  t.is((await errorOf('CREATE EXTENSION number'))?.code, '25006')
  t.is(sidecar.log(), before)
})

test.serial('a standby whose machine lost its store while the repository is down says what is missing', async (t) => {
  writeSettings(join(stage.directory.path, 'standby-etc'), `repositories/${repositoryName}`, {
    uri: 'http://127.0.0.1:1/',
    key: stage.repository.publicKey,
  })
  for (const folder of ['store', 'main', 'repositories']) rmSync(join(state, folder), { recursive: true })
  const { errorOf } = await standby.connect()
  const error = await errorOf(`SELECT '1'::prefix_range`)
  t.is(error?.code, '58P01')
  t.regex(error?.detail ?? '', /could not reach repository stage/)
  t.truthy(error?.hint)
})
