// What a database has chosen travels in its dumps: providers and versions come back, by whichever tool and role.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type Cluster, type Session, startCluster } from '../helpers/cluster.ts'
import { writeSettings } from '../helpers/command.ts'
import { serverUser, spawnAs } from '../helpers/os-users.ts'
import { writeSourceTree } from '../helpers/source-trees.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

const providers = ['git.example/first/choice', 'git.example/second/choice']
/** Two providers, an old version, and a name that PostgreSQL itself has. */
const chosen = [
  { name: 'choice', full_name: 'git.example/second/choice', version: '1.0', sql_version: '1.0' },
  { name: 'hstore', full_name: 'git.example/first/hstore', version: '1.0', sql_version: '1.0' },
]
let stage: Stage
/** Empty, with the same sidecar. */
let other: Cluster
/** Of every cluster here. */
let settings: Record<string, string>

test.before(async () => {
  stage = await setStage()
  for (const version of ['1.0', '1.1']) publish('choice', version, providers)
  publish('hstore', '1.0', ['git.example/first/hstore'])
  const { query } = await stage.cluster.connect()
  await query('CREATE ROLE app LOGIN')
  await emptyDatabase(stage.cluster, 'source', 'OWNER app')
  const source = await stage.cluster.connect({ database: 'source' })
  await source.query(`
    CREATE EXTENSION "git.example/first/hstore";
    CREATE EXTENSION "git.example/second/choice" VERSION '1.0'`)
  await source.client.end()
  const rows = await query(`SELECT name, setting FROM pg_settings
    WHERE name ~ '^pginstall[.](s|d.*y)' OR name IN ('dynamic_library_path', 'session_preload_libraries')`)
  settings = Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))
  other = await startCluster(stage.directory, stage.installation, settings, 'other')
})

test.after.always(async () => {
  await other?.stop()
  await stage?.close()
})

function publish(name: string, version: string, fullNames: string[]): void {
  const sql = `CREATE FUNCTION ${name}_version() RETURNS text LANGUAGE sql AS $$ SELECT '${version}' $$;`
  stage.publish(writeSourceTree(stage.directory.path, { name, version, sql }), fullNames)
}

/** A program of PostgreSQL; its output and standard error. */
function run(cluster: Cluster, program: string, args: string[], input?: string) {
  const { status, stdout, stderr } = spawnSync(
    join(stage.installation.bindir, program),
    ['-h', cluster.socketDirectory, ...args],
    { input, encoding: 'utf8' },
  )
  return { status, stdout, stderr }
}

function succeed(t: ExecutionContext, cluster: Cluster, program: string, args: string[], input?: string): string {
  const { status, stdout, stderr } = run(cluster, program, args, input)
  t.is(status, 0, stderr)
  return stdout
}

function psql(t: ExecutionContext, database: string, dump: string): string {
  return succeed(t, other, 'psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-U', 'postgres', '-d', database], dump)
}

const installed = 'SELECT name, full_name, version, sql_version FROM pginstall.installed ORDER BY name'
const comment = `SELECT obj_description(oid, 'pg_namespace') AS lines FROM pg_namespace WHERE nspname = 'pginstall'`

async function linesOf({ query }: Session): Promise<string[]> {
  const [row] = await query(comment)
  return typeof row?.lines === 'string' ? row.lines.split('\n').slice(1) : []
}

async function isAsChosen(t: ExecutionContext, cluster: Cluster, database: string): Promise<void> {
  const session = await cluster.connect({ database })
  t.deepEqual(await session.query(installed), chosen)
  t.deepEqual(await session.query('SELECT choice_version(), hstore_version()'), [
    { choice_version: '1.0', hstore_version: '1.0' },
  ])
  t.deepEqual((await linesOf(session)).toSorted(), [
    'git.example/first/hstore 1.0 1.0',
    'git.example/second/choice 1.0 1.0',
  ])
  // Databases with sessions are neither copied nor dropped.
  await session.client.end()
}

async function emptyDatabase(cluster: Cluster, name: string, options = ''): Promise<string> {
  await (await cluster.connect()).query(`CREATE DATABASE ${name} ${options}`)
  return name
}

test.serial('pg_dumpall onto an empty cluster', async (t) => {
  const dump = succeed(t, stage.cluster, 'pg_dumpall', ['-U', 'postgres'])
  const { stderr } = run(other, 'psql', ['-X', '-q', '-U', 'postgres', '-d', 'postgres'], dump)
  const errors = stderr.split('\n').filter((line) => line.includes('ERROR'))
  t.is(errors.length, 1, stderr)
  t.regex(errors[0] ?? '', /role "postgres" already exists/)
  await isAsChosen(t, other, 'source')
})

test.serial('a plain dump, its schema alone, and one that is dumped again', async (t) => {
  const dump = succeed(t, stage.cluster, 'pg_dump', ['-U', 'postgres', 'source'])
  psql(t, await emptyDatabase(other, 'plain'), dump)
  await isAsChosen(t, other, 'plain')
  const { query } = await other.connect({ database: 'plain' })
  t.deepEqual(await query('SELECT count(*)::int, count(DISTINCT lineage)::int AS lineages FROM pginstall.record'), [
    { count: 4, lineages: 2 },
  ])

  const again = succeed(t, other, 'pg_dump', ['-U', 'postgres', 'plain'])
  t.is(again.split('git.example/second/choice').length - 1, 2, 'in the comment and in one row')
  const schema = succeed(t, other, 'pg_dump', ['-U', 'postgres', '--schema-only', 'plain'])
  psql(t, await emptyDatabase(other, 'structure'), schema)
  await isAsChosen(t, other, 'structure')
})

test.serial('the custom format, restored in parallel, and with --create and --clean', async (t) => {
  const file = join(stage.directory.path, 'source.dump')
  succeed(t, stage.cluster, 'pg_dump', ['-U', 'postgres', '-Fc', '-f', file, 'source'])
  succeed(t, other, 'pg_restore', ['-U', 'postgres', '-j', '2', '-d', await emptyDatabase(other, 'parallel'), file])
  await isAsChosen(t, other, 'parallel')
  for (let i = 0; i < 2; i++) {
    succeed(t, other, 'pg_restore', ['-U', 'postgres', '--clean', '--if-exists', '--create', '-d', 'postgres', file])
    await isAsChosen(t, other, 'source')
  }
})

test.serial('CREATE DATABASE … TEMPLATE copies what was chosen', async (t) => {
  await emptyDatabase(stage.cluster, 'copy', 'TEMPLATE source')
  await isAsChosen(t, stage.cluster, 'copy')
  const { query } = await stage.cluster.connect({ database: 'copy' })
  await query('DROP EXTENSION choice')
  t.deepEqual(await query(installed), chosen.slice(1))
  await isAsChosen(t, stage.cluster, 'source')
})

test.serial('a role that is no superuser dumps, and restores what policy grants it', async (t) => {
  const dump = succeed(t, stage.cluster, 'pg_dump', ['-U', 'app', '--no-owner', 'source'])
  await emptyDatabase(other, 'theirs', 'OWNER app')
  writeSettings(stage.configDirectory, 'grants/app', {
    role: 'app',
    extensions: 'git.example/*/choice',
    trusted: 'yes',
  })
  const { stderr } = run(other, 'psql', ['-X', '-q', '-U', 'app', '-d', 'theirs'], dump)
  t.regex(stderr, /permission denied to install extension "git\.example\/first\/hstore"/)
  const session = await other.connect({ database: 'theirs' })
  t.deepEqual(await session.query(installed), chosen.slice(0, 1))

  // The line that is left is app's alone: it chooses nothing for a superuser.
  t.deepEqual(await linesOf(session), ['git.example/second/choice 1.0 1.0', 'git.example/first/hstore 1.0 1.0 app'])
  await session.query('CREATE EXTENSION hstore')
  t.deepEqual(await session.query(`SELECT proname FROM pg_proc WHERE proname = 'hstore_version'`), [])
})

test.serial('pg_upgrade carries the record on, though extensions get other oids', async (t) => {
  const { installation, directory } = stage
  await stage.cluster.stop()
  const next = await startCluster(directory, installation, settings, 'next')
  t.teardown(() => next.stop())
  await next.stop()
  const work = directory.make('upgrade', serverUser)
  const [from, to] = ['cluster', 'next'].map((name) => join(directory.path, name, 'data')) as [string, string]
  const { bindir } = installation
  const args = ['-b', bindir, '-B', bindir, '-d', from, '-D', to, '-s', work, '-U', 'postgres']
  const { status, stdout, stderr } = spawnSync(join(bindir, 'pg_upgrade'), args, {
    ...spawnAs(serverUser),
    cwd: work,
    encoding: 'utf8',
  })
  t.is(status, 0, stdout + stderr)
  await next.restart()
  await isAsChosen(t, next, 'source')
  const { query } = await next.connect({ database: 'source' })
  const known = `SELECT count(*)::int FROM pginstall.record r JOIN pg_extension e ON e.oid = r.extension AND e.extname = r.name`
  t.deepEqual(await query(known), [{ count: 0 }])
  await query(`ALTER EXTENSION "git.example/second/choice" UPDATE TO '1.0'`)
  t.deepEqual(await query(known), [{ count: 2 }])
  t.deepEqual(await query(installed), chosen)
})
