// Modules that were there when their extension was created and are not any more: each way of first use brings them back.
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import type { Session } from '../helpers/cluster.ts'
import { fetchSource, writeSourceTree } from '../helpers/source-trees.ts'
import { type Stage, setStage } from '../helpers/stage.ts'
import { numberExtension, numberModule } from './helpers/number-extension.ts'

let stage: Stage
const prefixModule = 'prefix--github.com+dim+prefix'

test.before(async () => {
  stage = await setStage()
  stage.publish(writeSourceTree(stage.directory.path, numberExtension), ['git.example/number'])
  stage.publish(fetchSource('prefix', 'trixie'), ['github.com/dim/prefix'])
  const { query } = await stage.cluster.connect()
  await query(`CREATE EXTENSION number; CREATE EXTENSION prefix;
    CREATE TYPE pair AS (a int, b number);
    CREATE TYPE span AS RANGE (subtype = number);
    CREATE DOMAIN some_number AS number;
    CREATE TABLE plain (i int);
    INSERT INTO plain SELECT generate_series(1, 20);
    CREATE TABLE numbers (n number);
    INSERT INTO numbers SELECT i::number FROM generate_series(1, 20000) i;
    CREATE TABLE lists (l number[]); CREATE INDEX ON lists (l);
    CREATE TABLE pairs (p pair); CREATE INDEX ON pairs (p);
    CREATE TABLE spans (s span); CREATE INDEX ON spans (s);
    CREATE TABLE domains (d some_number); CREATE INDEX ON domains (d);
    CREATE TABLE hooked (i int); CREATE TRIGGER keep BEFORE INSERT ON hooked FOR EACH ROW EXECUTE FUNCTION keep_row();
    CREATE TABLE from_lists AS SELECT ARRAY[n] AS l FROM numbers LIMIT 20;
    CREATE TABLE from_pairs AS SELECT ROW(1, n)::pair AS p FROM numbers LIMIT 20;
    CREATE TABLE from_spans AS SELECT span(n, NULL) AS s FROM numbers LIMIT 20;
    CREATE TABLE from_domains AS SELECT n::some_number AS d FROM numbers LIMIT 20;
    CREATE TABLE prefixes AS SELECT n::text::prefix_range AS p FROM generate_series(1000, 9999) n;
    CREATE INDEX ON prefixes USING gist (p); ANALYZE`)
})

test.after.always(() => stage?.close())

const link = (module: string) => join(stage.state, 'main', 'lib', `${module}.so`)

/** A session that has used nothing yet, in a cluster whose module is gone. */
async function without(module: string): Promise<Session> {
  rmSync(link(module), { force: true })
  return stage.cluster.connect()
}

const uses: [what: string, statement: string, rows: Record<string, unknown>[]][] = [
  ['a plain call', 'SELECT answer()', [{ answer: 42 }]],
  ['a function with SECURITY DEFINER', 'SELECT answer_definer()', [{ answer_definer: 42 }]],
  ['a function with SET', 'SELECT answer_set()', [{ answer_set: 42 }]],
  ['the handler of a language', 'SELECT answer_language()', [{ answer_language: 42 }]],
  ['type input', `SELECT '7'::number IS NOT NULL AS read`, [{ read: true }]],
  ['type output', 'SELECT n FROM numbers LIMIT 1', [{ n: '1' }]],
  ['VACUUM ANALYZE', 'VACUUM ANALYZE numbers', []],
  ['CREATE INDEX', 'CREATE INDEX ON numbers (n)', []],
  ['LOAD', `LOAD '${numberModule}'`, []],
  ['a trigger', 'INSERT INTO hooked VALUES (1) RETURNING i', [{ i: 1 }]],
  // The next ones compare while the page of an index is locked.
  ['a btree index on arrays of it', 'INSERT INTO lists SELECT * FROM from_lists', []],
  ['a btree index on a composite with it', 'INSERT INTO pairs SELECT * FROM from_pairs', []],
  ['a btree index on ranges of it', 'INSERT INTO spans SELECT * FROM from_spans', []],
  ['a btree index on a domain over it', 'INSERT INTO domains SELECT * FROM from_domains', []],
]

for (const [what, statement, rows] of uses) {
  test.serial(`${what} brings a missing module back`, async (t) => {
    const { query } = await without(numberModule)
    t.deepEqual(await query(statement), rows)
    t.true(existsSync(link(numberModule)))
  })
}

test.serial('a GiST index scan brings a missing module back', async (t) => {
  const { query } = await without(prefixModule)
  await query('SET enable_seqscan = off')
  t.deepEqual(await query(`SELECT p::text FROM prefixes WHERE p @> '4221234567'`), [{ p: '4221' }])
  t.true(existsSync(link(prefixModule)))
})

test.serial('a parallel query brings a missing module back', async (t) => {
  const { query } = await without(numberModule)
  await query(`SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
    SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off`)
  const counting = `SELECT count(*)::int FROM numbers WHERE n > '10'::number`
  t.deepEqual(await query(counting), [{ count: 19990 }])
  const plan = await query(`EXPLAIN (ANALYZE, COSTS off) ${counting}`)
  t.true(plan.some((line) => /Workers Planned/.test(String(line['QUERY PLAN']))))
})

test.serial('once there, nobody is asked again', async (t) => {
  const { query } = await without(numberModule)
  const asked = () => stage.sidecar.log().split('load_module').length
  const never = asked()
  await query('SELECT answer()')
  // It logs what it has answered.
  while (asked() === never) await delay(20)
  const before = asked()
  await query(`SELECT answer_set(), '7'::number; SELECT answer_definer() FROM numbers LIMIT 5`)
  await (await stage.cluster.connect()).query('SELECT answer()')
  t.is(asked(), before)
})

test.serial('where it cannot be waited for, it is an error, and there the next time', async (t) => {
  const session = await without(numberModule)
  // Looked through while the module was there, and not loaded.
  await session.query(`LOAD '${numberModule}'`)
  const fresh = await stage.cluster.connect()
  await fresh.query('SELECT count(*) FROM lists, from_lists')
  await session.query('ALTER FUNCTION number_cmp(number, number) COST 2')
  rmSync(link(numberModule))
  const error = await fresh.errorOf('INSERT INTO lists SELECT * FROM from_lists')
  t.like(error, { code: '58P01', message: `could not load module "${numberModule}"` })
  t.regex(error?.detail ?? '', /while a page of a table or index is locked/)
  t.regex(error?.hint ?? '', /try again/)
  for (;;) {
    const again = await fresh.errorOf('INSERT INTO lists SELECT * FROM from_lists')
    if (again === undefined) break
    t.is(again.code, '58P01')
  }
  t.true(existsSync(link(numberModule)))
})

test.serial('who cannot have it is told why, and others that they cannot', async (t) => {
  stage.configure({ deny: 'git.example/**' })
  t.teardown(() => stage.configure({}))
  let superuser = await without(numberModule)
  let error = await superuser.errorOf('SELECT answer()')
  // What was asked for before policy forbade it may have come meanwhile.
  while (error === undefined) {
    superuser = await without(numberModule)
    error = await superuser.errorOf('SELECT answer()')
  }
  t.like(error, { code: '58P01', message: `could not load module "${numberModule}"` })
  t.regex(error?.detail ?? '', /permission denied to install extension "git\.example\/number"\. .*"deny"/)
  await superuser.query('CREATE ROLE nobody_special LOGIN')
  const role = await stage.cluster.connect({ user: 'nobody_special' })
  const bland = await role.errorOf('SELECT answer()')
  t.is(bland?.code, '58P01')
  t.is(bland?.detail, 'It is not on this machine, and the pginstall sidecar could not bring it.')
  t.deepEqual(role.notices, [])
  stage.configure({})
  t.deepEqual(await role.query('SELECT answer()'), [{ answer: 42 }])
})

test.serial('a name that nobody publishes, and one that is none of ours', async (t) => {
  const { query, errorOf } = await stage.cluster.connect()
  for (const [name, library] of [
    ['unknown', 'unknown--git.example+unknown'],
    ['other_module', 'other--git.example+number'],
    ['elsewhere', 'elsewhere'],
  ]) {
    await query(`CREATE FUNCTION ${name}() RETURNS int4 LANGUAGE c AS '${numberModule}', 'answer';
      UPDATE pg_proc SET probin = '${library}' WHERE proname = '${name}'`)
  }
  t.regex((await errorOf('SELECT unknown()'))?.detail ?? '', /extension "git\.example\/unknown" is not available/)
  t.regex((await errorOf('SELECT other_module()'))?.detail ?? '', /has no module "other"/)
  t.regex((await errorOf('SELECT elsewhere()'))?.message ?? '', /could not access file "elsewhere"/)
  // What was asked before may still be on its way into the log.
  t.notRegex(stage.sidecar.log(), /"library":"elsewhere"/)
})

test.serial('the wait ends like any other', async (t) => {
  const session = await without(numberModule)
  process.kill(stage.sidecar.pid, 'SIGSTOP')
  t.teardown(() => process.kill(stage.sidecar.pid, 'SIGCONT'))
  await session.query(`SET statement_timeout = '200ms'`)
  t.is((await session.errorOf('SELECT answer()'))?.code, '57014')
  process.kill(stage.sidecar.pid, 'SIGCONT')
  await session.query('RESET statement_timeout')
  t.deepEqual(await session.query('SELECT answer()'), [{ answer: 42 }])
})

test.serial('without a sidecar it is an error that says so', async (t) => {
  await stage.sidecar.stop()
  const session = await without(numberModule)
  const error = await session.errorOf('SELECT answer()')
  t.is(error?.code, '58P01')
  t.regex(error?.detail ?? '', /could not connect to the pginstall sidecar/)
  t.regex(error?.hint ?? '', /Start the sidecar/)
  await stage.startSidecar()
  t.deepEqual(await session.query('SELECT answer()'), [{ answer: 42 }])
})
