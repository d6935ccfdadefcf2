// The record: what is believed of it, and that it follows every way in which an extension comes and goes.
import test from 'ava'
import type { Session } from '../helpers/cluster.ts'
import { answers, type Scene, setScene } from './helpers/scripted-sidecar.ts'

let scene: Scene
let databases = 0

test.before(async () => {
  scene = await setScene({ max_prepared_transactions: '1' })
})

test.after.always(() => scene?.close())

/** A session in a database of its own, with these extensions. */
async function sessionWith(...names: string[]): Promise<Session & { database: string }> {
  const database = `d${++databases}`
  await (await scene.cluster.connect()).query(`CREATE DATABASE ${database}`)
  const session = await scene.cluster.connect({ database })
  for (const name of names) await create(session, name)
  return { ...session, database }
}

/** Placed and created, in the schema or where search_path says. */
async function create(session: Session, name: string, clause = ''): Promise<void> {
  scene.sidecar.behave(answers({ result: scene.place(name, 'SELECT 1;') }))
  await session.query(`CREATE EXTENSION "x.example/${name}" ${clause}`)
}

const installed = 'SELECT name, full_name FROM pginstall.installed ORDER BY name'
const rows = 'SELECT name FROM pginstall.record ORDER BY name'

async function linesOf({ query }: Session): Promise<string[]> {
  const [row] = await query(`SELECT obj_description('pginstall'::regnamespace) AS comment`)
  return typeof row?.comment === 'string' ? row.comment.split('\n').slice(1) : []
}

/** What the hook itself believes: it is what it tells the sidecar. */
async function told(session: Session): Promise<unknown> {
  scene.sidecar.behave(answers({ error: { sqlstate: 'PI001', message: 'refused' } }))
  await session.errorOf('CREATE EXTENSION "x.example/unheard"')
  return scene.sidecar.requests[0]?.installed?.filter(({ full_name }) => full_name !== undefined)
}

test.serial('every way in which an extension is dropped takes its row and its line along', async (t) => {
  const session = await sessionWith('kept')
  await session.query('CREATE ROLE dropped_owner SUPERUSER')
  const ways: [string, string, string][] = [
    ['plain', '', 'DROP EXTENSION plain'],
    ['several', '', 'DROP EXTENSION IF EXISTS nobody, several CASCADE'],
    ['nested', '', `DO $$ BEGIN EXECUTE 'DROP EXTENSION nested'; END $$`],
    ['in_schema', 'SCHEMA s', 'DROP SCHEMA s CASCADE'],
    ['owned', '', 'DROP OWNED BY dropped_owner; CREATE SCHEMA s'],
  ]
  for (const [name, clause, drop] of ways) {
    if (clause !== '') await session.query('CREATE SCHEMA s')
    if (name === 'owned') await session.query('SET ROLE dropped_owner')
    await create(session, name, clause)
    await session.query('RESET ROLE')
    t.deepEqual((await linesOf(session)).toSorted(), [`x.example/${name} 1.0 1.0`, 'x.example/kept 1.0 1.0'].toSorted())
    await session.query(`BEGIN; SAVEPOINT a; ${drop}; ROLLBACK TO a; COMMIT`)
    t.is((await linesOf(session)).length, 2, drop)
    t.deepEqual(
      await session.query(rows),
      [{ name }, { name: 'kept' }].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    )
    await session.query(drop)
    t.deepEqual(await session.query(rows), [{ name: 'kept' }], drop)
    t.deepEqual(await linesOf(session), ['x.example/kept 1.0 1.0'], drop)
  }
})

test.serial('a drop never fails for the record’s sake, nor waits', async (t) => {
  const session = await sessionWith('one', 'two', 'three')
  const other = await scene.cluster.connect({ database: session.database })
  await other.query('BEGIN; LOCK TABLE pginstall.record')
  await session.query(`SET lock_timeout = '10s'; DROP EXTENSION one`)
  await other.query('ROLLBACK')
  t.deepEqual(await session.query(installed), [
    { name: 'three', full_name: 'x.example/three' },
    { name: 'two', full_name: 'x.example/two' },
  ])
  await session.query('ALTER TABLE pginstall.record RENAME name TO nom')
  await session.query('DROP EXTENSION two')
  t.like(await session.errorOf('CREATE EXTENSION "x.example/four"'), {
    code: '55000',
    message: 'table "record" of extension "pginstall" is not as it was made',
  })
  await session.query('DROP EXTENSION three, pginstall; DROP SCHEMA pginstall')
  await create(session, 'five')
  t.deepEqual(await session.query(installed), [{ name: 'five', full_name: 'x.example/five' }])
})

test.serial('what somebody has put on the table neither runs nor stands in the way', async (t) => {
  const session = await sessionWith('first')
  await session.query(`
    CREATE TABLE seen (what text);
    CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (TG_OP); RETURN NULL; END $$;
    CREATE TRIGGER trap BEFORE INSERT OR DELETE ON pginstall.record FOR EACH ROW EXECUTE FUNCTION trap();
    CREATE RULE nothing AS ON INSERT TO pginstall.record DO INSTEAD NOTHING;
    ALTER TABLE pginstall.record ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE PUBLICATION everything FOR ALL TABLES;
    CREATE INDEX ON pginstall.record (name)`)
  await create(session, 'second')
  await session.query('DROP EXTENSION first')
  t.deepEqual(await session.query(installed), [{ name: 'second', full_name: 'x.example/second' }])
  await session.query('SET enable_seqscan = off')
  t.deepEqual(await session.query(`SELECT name FROM pginstall.record WHERE name = 'second'`), [{ name: 'second' }])
  t.deepEqual(await session.query('SELECT what FROM seen'), [])
  await session.query('CREATE INDEX ON pginstall.record (lower(name))')
  scene.sidecar.behave(answers({ result: scene.place('third', 'SELECT 1;') }))
  t.is((await session.errorOf('CREATE EXTENSION "x.example/third"'))?.code, '55000')
})

test.serial('after pg_upgrade the name is enough, but not for what this cluster has written', async (t) => {
  const session = await sessionWith('moved', 'replaced')
  const { query } = session
  const both = [
    { name: 'moved', full_name: 'x.example/moved' },
    { name: 'replaced', full_name: 'x.example/replaced' },
  ]
  const believed = async (expected: object[], why: string) => {
    t.deepEqual(await query(installed), expected, why)
    t.deepEqual(await told(session), expected, why)
  }
  await query('UPDATE pginstall.record SET extension = 1')
  await believed([], 'dropped and created again without a word to us')
  await query('UPDATE pginstall.record SET cluster = 1')
  await believed(both, 'written in the cluster before pg_upgrade')
  await query(`INSERT INTO pginstall.record
    SELECT e.oid, r.name, 'y.example/moved', r.version, r.digest, r.repository, r.installed_at, r.lineage, s.system_identifier
      FROM pginstall.record r JOIN pg_extension e ON e.extname = r.name, pg_control_system() s WHERE r.name = 'moved'`)
  await believed(
    [{ name: 'moved', full_name: 'y.example/moved' }, ...both.slice(1)],
    'what this cluster wrote comes first',
  )
  await query('UPDATE pginstall.record SET lineage = gen_random_uuid()')
  await believed([], 'another lineage came in a dump')
})

test.serial('two sessions that create at once wait for each other’s comment only', async (t) => {
  const session = await sessionWith('zero')
  const [a, b] = await Promise.all([0, 1].map(() => scene.cluster.connect({ database: session.database })))
  if (a === undefined || b === undefined) return t.fail()
  await a.query('BEGIN')
  await create(a, 'left')
  await b.query('BEGIN')
  await create(b, 'right')
  await Promise.all([a.query('COMMIT'), b.query('COMMIT')])
  t.deepEqual(
    (await linesOf(session)).toSorted(),
    ['left', 'right', 'zero'].map((name) => `x.example/${name} 1.0 1.0`),
  )
})

test.serial('a transaction that is prepared has its line too, and holds up no drop', async (t) => {
  const session = await sessionWith('dropped')
  await session.query('BEGIN')
  await create(session, 'prepared')
  await session.query(`PREPARE TRANSACTION 'p'`)
  const other = await scene.cluster.connect({ database: session.database })
  await other.query(`SET lock_timeout = '10s'`)
  await other.query('DROP EXTENSION dropped')
  t.deepEqual(await other.query(installed), [])
  await other.query(`COMMIT PREPARED 'p'`)
  t.deepEqual(await other.query(installed), [{ name: 'prepared', full_name: 'x.example/prepared' }])
  t.true((await linesOf(session)).includes('x.example/prepared 1.0 1.0'))
})

test.serial('a database with what 0.1 has made works, and is brought to 0.2 when something is written', async (t) => {
  const session = await sessionWith()
  const { query, notices } = session
  await query(`CREATE EXTENSION pginstall VERSION '0.1'`)
  t.is((await session.errorOf('SELECT lineage FROM pginstall.record'))?.code, '42703')
  await query(`
    CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree;
    INSERT INTO pginstall.record (extension, name, full_name, version, digest, repository)
    SELECT oid, extname, 'x.example/' || extname, extversion, 'd', 'r' FROM pg_extension WHERE extname IN ('hstore', 'citext')
    UNION ALL SELECT 1, 'ltree', 'x.example/ltree', '1', 'd', 'r' UNION ALL SELECT 2, 'gone', 'x.example/gone', '1', 'd', 'r';
    CREATE ROLE searcher; GRANT EXECUTE ON FUNCTION pginstall.search(text), pginstall.sidecar_search(text),
      pginstall.available() TO searcher`)
  const both = ['citext', 'hstore'].map((name) => ({ name, full_name: `x.example/${name}` }))
  t.deepEqual(await query(installed), both)
  t.deepEqual(await told(session), both.toReversed())
  await query('DROP EXTENSION citext')
  t.deepEqual(await query(installed), both.slice(1))

  await create(session, 'fresh')
  t.true(notices.includes('updating required extension "pginstall"'))
  t.deepEqual(await query(installed), [{ name: 'fresh', full_name: 'x.example/fresh' }, ...both.slice(1)])
  t.deepEqual(await query(rows), [{ name: 'fresh' }, { name: 'hstore' }])
  const [hstore] = await query(`SELECT extversion FROM pg_extension WHERE extname = 'hstore'`)
  t.deepEqual((await linesOf(session)).toSorted(), [
    'x.example/fresh 1.0 1.0',
    `x.example/hstore ${hstore?.extversion} ${hstore?.extversion}`,
  ])
  t.deepEqual(
    await query(`SELECT has_function_privilege('searcher', f, 'EXECUTE') AS may
    FROM unnest('{pginstall.available(text),pginstall.sidecar_available(text),pginstall.remember()}'::regprocedure[]) f`),
    [{ may: true }, { may: true }, { may: false }],
  )
})

test.serial('ALTER EXTENSION pginstall UPDATE writes the comment from a record that is filled', async (t) => {
  const session = await sessionWith()
  await session.query(`
    CREATE EXTENSION pginstall VERSION '0.1'; CREATE EXTENSION hstore;
    INSERT INTO pginstall.record (extension, name, full_name, version, digest, repository)
    SELECT oid, extname, 'x.example/hstore', '1.8', 'd', 'r' FROM pg_extension WHERE extname = 'hstore'`)
  await session.query('ALTER EXTENSION pginstall UPDATE')
  t.regex((await linesOf(session)).join(), /^x\.example\/hstore 1\.8 1\.\d+$/)
  t.deepEqual(await session.query(installed), [{ name: 'hstore', full_name: 'x.example/hstore' }])
})

test.serial('everything in the schema says what it is for', async (t) => {
  const session = await sessionWith('any')
  t.deepEqual(
    await session.query(`
      SELECT d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.deptype = 'e'
       WHERE e.extname = 'pginstall' AND d.classid IN ('pg_class'::regclass, 'pg_proc'::regclass)
         AND obj_description(d.objid, d.classid::regclass::name) IS NULL`),
    [],
  )
})

test.serial(
  'what is remembered and gone: the provider’s newest version, then what the name means without',
  async (t) => {
    const session = await sessionWith('any')
    const gone = (code: string) => ({ error: { sqlstate: code, message: `gone with ${code}` } })
    const remember = (line: string) =>
      session.query(
        `COMMENT ON SCHEMA pginstall IS 'what came through pginstall, read when a dump is restored; made by it, not to be edited\n${line}'`,
      )
    const asked = () => scene.sidecar.requests.map(({ extension, version }) => [extension, version])
    const warnings = () => session.notices.splice(0).filter((notice) => notice.includes('had chosen'))

    await remember('x.example/choice 1.0 1.0')
    const newest = scene.place('choice', 'SELECT 1;', { version: '2.0' })
    scene.sidecar.behave((socket, request) =>
      answers(request.version === '1.0' ? gone('42704') : { result: newest })(socket, request),
    )
    await session.query('CREATE EXTENSION choice')
    t.deepEqual(asked(), [
      ['x.example/choice', '1.0'],
      ['x.example/choice', undefined],
    ])
    t.deepEqual(warnings(), [
      'version 1.0 of extension "x.example/choice", which this database had chosen, is not to be had',
    ])

    await remember('x.example/hstore 1.0 1.0')
    scene.sidecar.behave(answers(gone('PI002')))
    await session.query('CREATE EXTENSION hstore')
    t.is(warnings().length, 2)
    t.deepEqual(await linesOf(session), ['x.example/any 1.0 1.0', 'x.example/choice 2.0 2.0'])
    t.deepEqual(await session.query(`SELECT count(*)::int FROM pg_type WHERE typname = 'hstore'`), [{ count: 1 }])

    await remember('x.example/other 1.0 1.0')
    for (const code of ['58030', 'PI003', '42501']) {
      scene.sidecar.behave(answers(gone(code)))
      t.is((await session.errorOf('CREATE EXTENSION other'))?.code, code)
    }
    await session.errorOf(`CREATE EXTENSION other VERSION '3'`)
    t.deepEqual(asked().at(-1), ['x.example/other', '3'])

    // With the extension its choice is dropped, at once.
    scene.sidecar.behave(answers(gone('42704')))
    await session.errorOf('BEGIN; DROP EXTENSION choice; CREATE EXTENSION choice')
    t.deepEqual(asked(), [['choice', undefined]])
  },
)
