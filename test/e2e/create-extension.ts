// The main job, on a good day: CREATE EXTENSION by short and by full name, in every form the statement has.
import test from 'ava'
import { answeringModule, fetchSource, writeSourceTree } from '../helpers/source-trees.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

let stage: Stage

test.before(async () => {
  stage = await setStage()
  stage.publish(fetchSource('prefix', 'trixie'), ['github.com/dim/prefix', 'github.com/fdr/prefix'])
  const { path } = stage.directory
  const answer = (version: string, number: number) => ({
    name: 'answer',
    version,
    control: "module_pathname = '$libdir/answer'",
    // Every way in which a script may name its module.
    sql: `CREATE FUNCTION answer() RETURNS int4 LANGUAGE c AS 'MODULE_PATHNAME', 'answer';
CREATE FUNCTION answer_libdir() RETURNS int4 LANGUAGE c AS '$libdir/answer', 'answer';
CREATE FUNCTION answer_suffix() RETURNS int4 LANGUAGE c AS 'answer.so', 'answer';
DO $do$ BEGIN EXECUTE format('CREATE FUNCTION answer_do() RETURNS int4 LANGUAGE c AS %L, %L', 'answer', 'answer'); END $do$;
LOAD 'answer';
CREATE FUNCTION answer_text() RETURNS text LANGUAGE sql AS $$ SELECT '$libdir/answer' $$;`,
    module: answeringModule('answer', number),
  })
  stage.publish(writeSourceTree(path, answer('1.0', 41)), ['git.example/deep/answer'])
  stage.publish(writeSourceTree(path, answer('1.10', 42)), ['git.example/deep/answer'])
  stage.publish(
    writeSourceTree(path, {
      name: 'question',
      control: "requires = 'answer, hstore'\nrelocatable = true",
      sql: 'CREATE FUNCTION question() RETURNS int4 LANGUAGE sql AS $$ SELECT answer() $$;',
    }),
    ['git.example/deep/question'],
    '--requires',
    'answer=git.example/deep/answer',
  )
})

test.after.always(() => stage?.close())

async function session(t: { title: string }) {
  const database = t.title.replace(/[^a-z]+/gi, '_').slice(0, 60)
  stage.cluster.psql(`CREATE DATABASE "${database}"`)
  return stage.cluster.connect({ database })
}

test('a full name installs the provider it names, and its index works', async (t) => {
  const { query, notices } = await session(t)
  await query('CREATE EXTENSION "github.com/fdr/prefix"')
  t.true(notices.includes('updating repository stage'))
  t.true(notices.includes('found extension prefix, version 1.2.0, at stage'))
  t.deepEqual(await query('SELECT name, version, full_name, repository FROM pginstall.installed'), [
    { name: 'prefix', version: '1.2.0', full_name: 'github.com/fdr/prefix', repository: 'stage' },
  ])
  const [library] = await query(`SELECT DISTINCT probin FROM pg_proc WHERE probin LIKE 'prefix%'`)
  t.is(library?.probin, 'prefix--github.com+fdr+prefix')
  await query(`CREATE TABLE t AS SELECT n::text::prefix_range AS p FROM generate_series(1000, 9999) n;
    CREATE INDEX ON t USING gist (p); SET enable_seqscan = off`)
  t.deepEqual(await query(`SELECT p::text FROM t WHERE p @> '4221234567'`), [{ p: '4221' }])
})

test('an archive that is in the store is not fetched again', async (t) => {
  const first = await session(t)
  await first.query('CREATE EXTENSION "git.example/deep/answer"')
  stage.cluster.psql('CREATE DATABASE again')
  const second = await stage.cluster.connect({ database: 'again' })
  await second.query('CREATE EXTENSION "git.example/deep/answer"')
  t.false(second.notices.some((notice) => notice.startsWith('fetching')))
  t.false(second.notices.some((notice) => notice.includes('is not locally available')))
})

test('a short name with one provider is enough; the newest version is taken', async (t) => {
  const { query } = await session(t)
  await query('CREATE EXTENSION answer')
  t.deepEqual(await query('SELECT answer(), full_name, version FROM pginstall.installed'), [
    { answer: 42, full_name: 'git.example/deep/answer', version: '1.10' },
  ])
})

test('every way a script names its module ends at the unique name, and text is left alone', async (t) => {
  const { query } = await session(t)
  await query('CREATE EXTENSION answer')
  t.deepEqual(
    await query(
      `SELECT DISTINCT probin FROM pg_proc WHERE proname IN ('answer', 'answer_libdir', 'answer_suffix', 'answer_do')`,
    ),
    [{ probin: 'answer--git.example+deep+answer' }],
  )
  t.deepEqual(await query('SELECT answer_libdir() + answer_suffix() + answer_do() AS sum, answer_text()'), [
    { sum: 126, answer_text: '$libdir/answer' },
  ])
})

test('VERSION takes that version', async (t) => {
  const { query } = await session(t)
  await query(`CREATE EXTENSION answer VERSION '1.0'`)
  t.deepEqual(await query('SELECT version FROM pginstall.installed'), [{ version: '1.0' }])
})

test('SCHEMA and CASCADE: what is required comes with its provider, contrib from PostgreSQL itself', async (t) => {
  const { query, errorOf } = await session(t)
  const refused = await errorOf('CREATE EXTENSION question')
  t.regex(refused?.message ?? '', /required extension "(answer|hstore)" is not installed/)
  t.regex(refused?.hint ?? '', /CASCADE/)
  await query('CREATE SCHEMA s; CREATE EXTENSION question SCHEMA s CASCADE')
  t.deepEqual(await query('SELECT name, full_name FROM pginstall.installed ORDER BY name'), [
    { name: 'answer', full_name: 'git.example/deep/answer' },
    { name: 'question', full_name: 'git.example/deep/question' },
  ])
  t.deepEqual(
    await query(
      `SELECT extname, nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname IN ('question', 'hstore') ORDER BY 1`,
    ),
    [
      { extname: 'hstore', nspname: 's' },
      { extname: 'question', nspname: 's' },
    ],
  )
})

test('IF NOT EXISTS is PostgreSQL’s own notice, and another provider is an error', async (t) => {
  const { query, notices, errorOf } = await session(t)
  await query('CREATE EXTENSION "github.com/dim/prefix"')
  await query('CREATE EXTENSION IF NOT EXISTS "github.com/dim/prefix"')
  await query('CREATE EXTENSION IF NOT EXISTS prefix')
  t.is(notices.filter((notice) => notice === 'extension "prefix" already exists, skipping').length, 2)
  const error = await errorOf('CREATE EXTENSION IF NOT EXISTS "github.com/fdr/prefix"')
  t.is(error?.code, '42710')
  t.regex(`${error?.message} ${error?.detail}`, /github\.com\/dim\/prefix/)
})

test('two providers of one short name in two databases of one cluster', async (t) => {
  stage.cluster.psql('CREATE DATABASE dims')
  stage.cluster.psql('CREATE DATABASE fdrs')
  const [dims, fdrs] = await Promise.all([
    stage.cluster.connect({ database: 'dims' }),
    stage.cluster.connect({ database: 'fdrs' }),
  ])
  await Promise.all([
    dims.query('CREATE EXTENSION "github.com/dim/prefix"'),
    fdrs.query('CREATE EXTENSION "github.com/fdr/prefix"'),
  ])
  const providers = await Promise.all(
    [dims, fdrs].map(({ query }) =>
      query(`SELECT full_name, '1'::prefix_range @> '12' AS contains FROM pginstall.installed`),
    ),
  )
  t.deepEqual(providers.flat(), [
    { full_name: 'github.com/dim/prefix', contains: true },
    { full_name: 'github.com/fdr/prefix', contains: true },
  ])
})

test('pginstall.prefer settles what is ambiguous', async (t) => {
  const { query } = await session(t)
  await query(`SET pginstall.prefer = 'github.com/fdr/*'; CREATE EXTENSION prefix`)
  t.deepEqual(await query('SELECT full_name FROM pginstall.installed'), [{ full_name: 'github.com/fdr/prefix' }])
})

test('what PostgreSQL itself has is its own business: no request, no notice', async (t) => {
  const { query, notices } = await session(t)
  await query('CREATE EXTENSION hstore')
  t.deepEqual(notices, [])
  const [{ database } = {}] = await query('SELECT current_database() AS database')
  t.false(stage.sidecar.log().includes(`"database":"${database}"`))
  await query('CREATE EXTENSION answer')
  t.true(stage.sidecar.log().includes(`"database":"${database}"`))
})

test('a transaction that is rolled back leaves the database as it was', async (t) => {
  const { query } = await session(t)
  await query('BEGIN; CREATE EXTENSION answer; ROLLBACK')
  t.deepEqual(await query(`SELECT extname FROM pg_extension WHERE extname IN ('answer', 'pginstall')`), [])
  await query('CREATE EXTENSION answer')
  t.deepEqual(await query('SELECT answer()'), [{ answer: 42 }])
})

test('the switch of directories is seen by nobody after the statement', async (t) => {
  const { query, errorOf } = await session(t)
  const share = `SELECT setting FROM pg_config WHERE name = 'SHAREDIR'`
  const [before] = await query(share)
  await query('CREATE EXTENSION answer')
  await errorOf('CREATE EXTENSION "github.com/fdr/prefix" SCHEMA nowhere')
  t.deepEqual(await query(share), [before])
  t.deepEqual(await query(`SELECT name FROM pg_available_extensions WHERE name IN ('prefix', 'question')`), [])
})

test('search, list and status read what the sidecar knows', async (t) => {
  const { query } = await session(t)
  await query('CREATE EXTENSION pginstall')
  await query('CREATE EXTENSION answer')
  const found = await query(`SELECT full_name, version, installable FROM pginstall.search('fdr/pre')`)
  t.deepEqual(found, [{ full_name: 'github.com/fdr/prefix', version: '1.2.0', installable: true }])
  t.deepEqual(await query('SELECT count(*)::int FROM pginstall.available()'), [{ count: 4 }])
  const matching = async (pattern: string) =>
    (await query(`SELECT full_name FROM pginstall.available('${pattern}') ORDER BY 1`)).map((row) => row.full_name)
  t.deepEqual(await matching('github.com/*/prefix'), ['github.com/dim/prefix', 'github.com/fdr/prefix'])
  t.deepEqual(await matching('git.example/**'), ['git.example/deep/answer', 'git.example/deep/question'])
  t.deepEqual(await matching('answer'), ['git.example/deep/answer'])
  t.deepEqual(await matching('github.com'), [])
  const [status] = await query('SELECT * FROM pginstall.status()')
  t.truthy(status)
})
