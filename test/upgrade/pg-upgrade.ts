// pg_upgrade of a cluster whose extensions came through pginstall: prepared, checked, done, and the same afterwards. The
// majors are those of two pg_configs in the environment, which scripts/test-upgrade names.
import { join } from 'node:path'
import test from 'ava'
import { packagePath } from '../../src/adapters/package-root.ts'
import type { Finding } from '../../src/model/finding.ts'
import { numberExtension, numberModule } from '../e2e/helpers/number-extension.ts'
import { fetchSource, writeSourceTree } from '../helpers/source-trees.ts'
import { setUpgradeScene, type UpgradeScene } from './helpers/upgrade-scene.ts'

const { PGINSTALL_TEST_OLD: oldPgConfig = '', PGINSTALL_TEST_NEW: newPgConfig = '' } = process.env
const suites: Record<number, string> = { 13: 'bullseye', 15: 'bookworm', 17: 'trixie', 18: 'forky' }
let scene: UpgradeScene
let before: { found: unknown; installed: unknown }

test.before(async () => {
  scene = await setUpgradeScene(oldPgConfig, newPgConfig)
  const { old, fresh, publish } = scene
  publish(fetchSource('prefix', 'trixie'), ['github.com/dim/prefix', 'github.com/fdr/prefix'], old, fresh)
  publish(packagePath('test/fixtures/sql_only'), ['git.example/sql_only'], old)
  publish(numberTree('1.0'), ['git.example/number'], old)
  publish(contrib(old.major, 'hstore'), ['contrib.example/hstore'], old)
  await old.cluster.stop()
  await old.start()
  for (const [database, provider] of [
    ['shop', 'github.com/dim/prefix'],
    ['crm', 'github.com/fdr/prefix'],
  ]) {
    old.cluster.psql(`CREATE DATABASE ${database}`)
    const { query } = await old.cluster.connect({ database: database as string })
    await query(`CREATE EXTENSION "${provider}"`)
    await query(`CREATE TABLE prefixes AS SELECT n::text::prefix_range AS p FROM generate_series(1000, 9999) n;
      CREATE INDEX ON prefixes USING gist (p)`)
  }
  const { query } = await old.cluster.connect({ database: 'shop' })
  await query(`CREATE EXTENSION number; CREATE EXTENSION sql_only; CREATE EXTENSION "contrib.example/hstore";
    CREATE TABLE numbers AS SELECT i::number AS n, ARRAY[i::number] AS l FROM generate_series(1, 1000) i;
    CREATE INDEX ON numbers (n); CREATE INDEX ON numbers (l);
    CREATE TABLE stores AS SELECT hstore('k' || i, 'v' || i) AS h FROM generate_series(1, 1000) i;
    CREATE INDEX ON stores USING gin (h); CREATE INDEX ON stores USING gist (h)`)
  before = { found: await observe(), installed: await providers() }
  // Each major has its own hstore: the version that is recorded need not exist for the new one.
  publish(contrib(fresh.major, 'hstore'), ['contrib.example/hstore'], fresh)
})

test.after.always(() => scene?.close())

function numberTree(version: string): string {
  const update = `CREATE FUNCTION newer() RETURNS int4 AS 'MODULE_PATHNAME', 'answer' LANGUAGE c;`
  const files = version === '1.0' ? {} : { 'number--1.0--1.1.sql': update }
  return writeSourceTree(scene.directory.make('sources'), { ...numberExtension, version, files })
}

function contrib(major: number, name: string): string {
  return join(fetchSource(`postgresql-${major}`, suites[major] ?? ''), 'contrib', name)
}

/** Where the extensions came from, as either side says. */
async function providers(side = scene.old): Promise<unknown> {
  const seen: unknown[] = []
  for (const database of ['shop', 'crm']) {
    const { query } = await side.cluster.connect({ database })
    seen.push(await query('SELECT name, full_name, version, repository FROM pginstall.installed ORDER BY name'))
  }
  return seen
}

/** What queries and index scans find on either side. */
async function observe(side = scene.old): Promise<unknown> {
  const prefixes = `SELECT p::text FROM prefixes WHERE p @> '4221234567'`
  const seen: unknown[] = []
  for (const database of ['shop', 'crm']) {
    const { query } = await side.cluster.connect({ database })
    await query('SET enable_seqscan = off')
    seen.push(await query(prefixes))
    if (database === 'crm') continue
    for (const statement of [
      `SELECT count(*)::int FROM numbers WHERE n >= '991'`,
      `SELECT l::text FROM numbers WHERE l = ARRAY['7'::number]`,
      `SELECT h::text FROM stores WHERE h @> 'k7=>v7'`,
      'SELECT sql_only_version(), answer(), answer_language()',
    ]) {
      seen.push(await query(statement))
    }
  }
  return seen
}

function findings(...args: string[]): { status: number; found: Finding[] } {
  const { status, stdout, stderr } = scene.prepare(...args, '--json')
  if (stdout === '') throw new Error(stderr)
  return { status, found: JSON.parse(stdout) }
}

const bothTargets = ['--old', 'old', '--new', 'new']

test.serial('what no archive exists for is an error; what the upgrade would trip over is told', async (t) => {
  const { query } = await scene.old.cluster.connect({ database: 'crm' })
  await query(`CREATE FUNCTION strange() RETURNS int4 LANGUAGE c AS '${numberModule}', 'answer';
    UPDATE pg_proc SET probin = '$libdir/strange' WHERE proname = 'strange'`)
  scene.old.cluster.psql('CREATE DATABASE closed ALLOW_CONNECTIONS false')
  const { status, found } = findings(...bothTargets)
  t.is(status, 1)
  const has = (check: string, state: Finding['state'], message: RegExp) =>
    t.true(
      found.some((one) => one.check === check && one.state === state && message.test(one.message)),
      `${check} ${state} ${message} in ${JSON.stringify(found, null, 2)}`,
    )
  has('module', 'error', /"number--git\.example\+number" of number in database shop: no archive of extension/)
  has('module', 'ok', /"prefix--github\.com\+dim\+prefix" is in place, version 1\.2\.0: prefix in database shop/)
  has('module', 'ok', /"hstore--contrib\.example\+hstore" is in place/)
  has('module', 'ok', /"git\.example\/sql_only" 1\.1 has none/)
  has('providers', 'warning', /has the name of "prefix--github\.com\+fdr\+prefix"/)
  has('load', 'error', /"\$libdir\/strange" of database crm cannot be loaded by the new server: could not access file/)
  has('databases', 'error', /"closed" lets nobody in/)
  t.throws(() => scene.upgrade('--check'))
  await query('DROP FUNCTION strange()')
  scene.old.cluster.psql('DROP DATABASE closed')
})

test.serial('once it is published, nothing stands in the way, however the clusters are named', async (t) => {
  scene.publish(numberTree('1.0'), ['git.example/number'], scene.fresh)
  const { data, installation } = scene.fresh
  // What could not be had is not asked for again for a moment.
  while (findings(...bothTargets).status !== 0);
  for (const args of [
    bothTargets,
    ['--old', scene.old.data, '--new', data],
    ['--old', 'old', '--new', installation.path],
  ]) {
    const { status, found } = findings(...args)
    t.is(status, 0, JSON.stringify(found, null, 2))
  }
  const text = scene.prepare(...bothTargets).stdout
  t.regex(text, /^ok {7}load: the new server loads all modules in one session/m)
  t.is(scene.prepare('--old', 'new', '--new', 'old').status, 1)
})

test.serial('pg_upgrade checks and upgrades, and everything is as it was', async (t) => {
  if (await scene.clearMarks())
    t.log(`${scene.fresh.installation.version} itself cannot upgrade a table of the old minor`)
  await scene.old.cluster.stop()
  t.regex(scene.upgrade('--check'), /Clusters are compatible/)
  scene.upgrade()
  await scene.fresh.start()
  t.deepEqual(await observe(scene.fresh), before.found)
  t.notRegex(scene.fresh.cluster.log(), /terminated by signal|PANIC/)
})

test.serial('the databases remember where their extensions came from', async (t) => {
  t.deepEqual(await providers(scene.fresh), before.installed)
})

test.serial('the upgraded cluster updates as before', async (t) => {
  scene.publish(numberTree('1.1'), ['git.example/number'], scene.fresh)
  const { query } = await scene.fresh.cluster.connect({ database: 'shop' })
  await query('ALTER EXTENSION number UPDATE')
  t.deepEqual(await query(`SELECT newer(), version FROM pginstall.installed WHERE name = 'number'`), [
    { newer: 42, version: '1.1' },
  ])
})

test.serial('the upgraded cluster installs as before', async (t) => {
  scene.fresh.cluster.psql('CREATE DATABASE later')
  const { query, errorOf } = await scene.fresh.cluster.connect({ database: 'later' })
  t.is((await errorOf('CREATE EXTENSION prefix'))?.code, 'PI001')
  await query('CREATE EXTENSION number; CREATE EXTENSION sql_only; CREATE EXTENSION pg_trgm')
  t.deepEqual(await query('SELECT answer(), sql_only_version()'), [{ answer: 42, sql_only_version: '1.1' }])
  t.deepEqual(await query('SELECT name FROM pginstall.installed ORDER BY name'), [
    { name: 'number' },
    { name: 'sql_only' },
  ])
})
