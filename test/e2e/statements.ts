// Full names wherever PostgreSQL expects an extension's name: each statement, each way to arrive, each way to write a name.
import test, { type ExecutionContext } from 'ava'
import type { Session } from '../helpers/cluster.ts'
import { writeSourceTree } from '../helpers/source-trees.ts'
import { type Stage, setStage } from '../helpers/stage.ts'
import {
  type Arrival,
  alterations,
  arrivals,
  props,
  type Statement,
  spellings,
  upheavals,
} from './helpers/statements.ts'

/** Two providers of one short name. Cut at 63 bytes, the second name is the first. */
const near = `git.example/${'n'.repeat(44)}/phrase`
const far = `${near}-book/of/phrase`
const providers = { near, far }
const quoted = (name: string) => `"${name}"`
const statements = [...alterations, ...upheavals]
const simply = arrivals['the simple protocol'] as Arrival
let stage: Stage

function source(version: string): string {
  return writeSourceTree(stage.directory.path, {
    name: 'phrase',
    version,
    control: 'relocatable = true',
    sql: `CREATE FUNCTION says() RETURNS text LANGUAGE sql AS $$ SELECT 'hello' $$;`,
    files: version === '1.0' ? {} : { 'phrase--1.0--1.1.sql': 'CREATE TABLE spoken (words text);' },
  })
}

/** A session in the database of that provider, where its extension is installed, in version 1.0. */
function connect(database: keyof typeof providers): Promise<Session> {
  return stage.cluster.connect({ database })
}

test.before(async () => {
  stage = await setStage()
  stage.publish(source('1.0'), [near, far])
  stage.publish(source('1.1'), [near, far])
  const admin = await stage.cluster.connect()
  await admin.query(`ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'`)
  await stage.cluster.restart()
  for (const [database, name] of Object.entries(providers)) {
    await (await stage.cluster.connect()).query(`CREATE DATABASE ${database}`)
    const { query } = await stage.cluster.connect({ database })
    await query(`ALTER DATABASE ${database} SET pginstall.prefer = '${name}'`)
    await query(`CREATE EXTENSION "${name}" VERSION '1.0'; ${props}`)
  }
})

test.after.always(() => stage?.close())

async function isDone({ query }: Session, { done }: Statement): Promise<unknown> {
  return (await query(`SELECT ${done} AS done`))[0]?.done
}

/** The statement arrives and does what it should, then all is as it was. */
async function does(
  t: ExecutionContext,
  session: Session,
  statement: Statement,
  { name, full, arrive, times = 1 }: { name: string; full: string; arrive: Arrival; times?: number },
): Promise<void> {
  const sql = statement.sql(name)
  for (let time = 0; time < times; time++) {
    if (statement.before !== undefined) await session.query(statement.before)
    t.false(await isDone(session, statement), sql)
    await t.notThrowsAsync(arrive(session, sql), sql)
    t.true(await isDone(session, statement), sql)
    if (statement.undo !== undefined) await session.query(statement.undo(quoted(full)))
  }
}

for (const [title, arrive] of Object.entries(arrivals)) {
  test.serial(`every statement, by short and full name: ${title}`, async (t) => {
    for (const [database, full] of Object.entries(providers)) {
      const session = await connect(database as keyof typeof providers)
      for (const statement of statements) {
        for (const name of ['phrase', quoted(full)]) await does(t, session, statement, { name, full, arrive })
      }
    }
  })
}

for (const [title, spell] of Object.entries(spellings)) {
  test.serial(`every statement, its name written ${title}`, async (t) => {
    for (const [database, full] of Object.entries(providers)) {
      const session = await connect(database as keyof typeof providers)
      for (const statement of statements) await does(t, session, statement, { name: spell(full), full, arrive: simply })
    }
  })
}

test.serial('a cached plan does the same a second time', async (t) => {
  const session = await connect('far')
  for (const [i, statement] of statements.entries()) {
    const inFunction: Arrival = ({ query }) => query(`SELECT pg_temp.run${i}()`)
    const prepared: Arrival = ({ client }, text) => client.query({ name: `run${i}`, text })
    const body = `BEGIN ${statement.sql(quoted(far))}; END`
    await session.query(`CREATE FUNCTION pg_temp.run${i}() RETURNS void LANGUAGE plpgsql AS $f$ ${body} $f$`)
    for (const arrive of [inFunction, prepared])
      await does(t, session, statement, { name: quoted(far), full: far, arrive, times: 2 })
  }
})

test.serial('a provider that is not the installed one is an error, IF EXISTS or not', async (t) => {
  for (const [database, full] of Object.entries(providers)) {
    const { query, errorOf } = await connect(database as keyof typeof providers)
    const other = full === near ? far : near
    const before = await query('SELECT * FROM pg_extension ORDER BY oid')
    for (const { sql, title } of statements) {
      const error = await errorOf(sql(quoted(other)))
      t.is(error?.code, '42710', title)
      t.is(error?.message, 'extension "phrase" is installed from another provider')
      t.is(error?.detail, `"${full}" is installed, not "${other}".`)
      t.truthy(error?.hint)
    }
    t.deepEqual(await query('SELECT * FROM pg_extension ORDER BY oid'), before)
  }
  const { query, errorOf } = await connect('near')
  await query('CREATE EXTENSION hstore')
  const stranger = await errorOf('DROP EXTENSION IF EXISTS "git.example/any/hstore"')
  t.is(stranger?.code, '42710')
  t.regex(stranger?.detail ?? '', /did not come through pginstall/)
  await query('DROP EXTENSION hstore')
})

test.serial(
  'a cached plan keeps the name that the user wrote: it is an error once the provider is another',
  async (t) => {
    const { query, errorOf } = await connect('near')
    await query(`CREATE FUNCTION drops() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN DROP EXTENSION "${near}"; END $f$;
    SELECT drops(); CREATE EXTENSION "${far}"`)
    t.is((await errorOf('SELECT drops()'))?.code, '42710')
    await query(`DROP EXTENSION phrase; DROP FUNCTION drops; CREATE EXTENSION "${near}" VERSION '1.0'`)
  },
)

test.serial('what is not installed is PostgreSQL’s own error or notice, with the name as it was written', async (t) => {
  const { query, errorOf, notices } = await connect('near')
  for (const name of ['git.example/no/absent', `git.example/${'absent/'.repeat(10)}absent`]) {
    for (const { sql, title } of [...alterations, { title: 'DROP', sql: () => `DROP EXTENSION "${name}"` }]) {
      const error = await errorOf(sql(quoted(name)))
      t.is(error?.code, '42704', title)
      t.is(error?.message, `extension "${name}" does not exist`)
    }
    await query(`DROP EXTENSION IF EXISTS "${name}"`)
    t.is(notices.at(-1), `extension "${name}" does not exist, skipping`)
  }
  const malformed = await errorOf('DROP EXTENSION IF EXISTS "GitHub.com/dim/prefix"')
  t.is(malformed?.code, '42602')
})

test.serial('a provider that is exchanged while the statement waits is not taken for the one it names', async (t) => {
  const first = await connect('near')
  const second = await connect('near')
  const [{ pid } = {}] = await second.query('SELECT pg_backend_pid() AS pid')
  await first.query(`BEGIN; DROP EXTENSION phrase; CREATE EXTENSION "${far}"`)
  const waiting = second.errorOf(`DROP EXTENSION IF EXISTS "${near}"`)
  for (let blocked = false; !blocked; )
    blocked = (await first.query(`SELECT pg_blocking_pids(${pid}) <> '{}' AS blocked`))[0]?.blocked === true
  await first.query('COMMIT')
  t.is((await waiting)?.code, '42710')
  await first.query(`DROP EXTENSION phrase; CREATE EXTENSION "${near}" VERSION '1.0'`)
})

test.serial('event triggers and pg_stat_statements see what the user wrote', async (t) => {
  const { query, notices } = await connect('far')
  const sql = `COMMENT ON EXTENSION "${far}" IS NULL`
  await query(`CREATE EXTENSION pg_stat_statements;
    CREATE FUNCTION look() RETURNS event_trigger LANGUAGE plpgsql AS
      $f$ BEGIN RAISE NOTICE '% %', tg_tag, current_query(); END $f$;
    CREATE EVENT TRIGGER look ON ddl_command_start EXECUTE FUNCTION look()`)
  await query(sql)
  t.is(notices.at(-1), `COMMENT ${sql}`)
  await query('DROP EVENT TRIGGER look')
  t.deepEqual(await query(`SELECT calls::int FROM pg_stat_statements WHERE query = '${sql}'`), [{ calls: 1 }])
  await query('DROP EXTENSION pg_stat_statements; DROP FUNCTION look')
})

test.serial('rights are PostgreSQL’s, with its own errors', async (t) => {
  const admin = await connect('far')
  await admin.query('CREATE ROLE plain LOGIN; GRANT CREATE ON SCHEMA elsewhere TO plain')
  const { errorOf } = await stage.cluster.connect({ database: 'far', user: 'plain' })
  for (const { sql, title } of alterations) {
    // There the right to the other object comes first.
    if (title.includes('DEPENDS')) continue
    t.is((await errorOf(sql(quoted(far))))?.message, 'must be owner of extension phrase', title)
  }
  t.is((await errorOf(`DROP EXTENSION "${far}"`))?.message, 'must be owner of extension phrase')
  const readOnly = await admin.errorOf(`BEGIN READ ONLY; DROP EXTENSION "${far}"`)
  t.is(readOnly?.message, 'cannot execute DROP EXTENSION in a read-only transaction')
  await admin.query('ROLLBACK')
})

test.serial('what has no full name is as on a stock server: same results, errors and notices', async (t) => {
  const ours = await connect('near')
  await ours.query(`CREATE ROLE stock SUPERUSER LOGIN; ALTER ROLE stock SET session_preload_libraries = plpgsql`)
  const stock = await stage.cluster.connect({ database: 'near', user: 'stock' })
  t.like(await stock.errorOf(`CREATE EXTENSION "${near}"`), { code: '22023' })
  const cut = 's'.repeat(70)
  const cases = [
    ...['absent', cut, quoted(cut), `U&"\\0061${cut}"`, '"éééééééééééééééééééééééééééééééééééé"'].flatMap((name) => [
      ...alterations.map(({ sql }) => sql(name)),
      `DROP EXTENSION IF EXISTS ${name}, ${name} CASCADE`,
      `ALTER EXTENSION ${name} UPDATE`,
    ]),
    ...alterations.map(({ sql }) => sql('plpgsql')),
    `CREATE EXTENSION hstore; CREATE TABLE pairs (of hstore); DROP EXTENSION hstore`,
    `CREATE EXTENSION hstore; CREATE TABLE pairs (of hstore); DROP EXTENSION hstore, hstore CASCADE`,
    `CREATE EXTENSION hstore; ALTER EXTENSION hstore ADD EXTENSION plpgsql`,
    `CREATE EXTENSION hstore; ALTER EXTENSION hstore ADD TABLE absent`,
    `CREATE EXTENSION hstore; SECURITY LABEL ON EXTENSION hstore IS 'public'`,
    `CREATE EXTENSION hstore; SECURITY LABEL FOR nobody ON EXTENSION hstore IS 'public'`,
    'DROP TABLE extension; DROP TABLE extension',
    `COMMENT ON TABLE extension IS 'a'; COMMENT ON TABLE absent IS 'a'`,
    'ALTER TABLE extension SET SCHEMA elsewhere; ALTER TABLE extension SET SCHEMA elsewhere',
  ]
  for (const sql of cases) {
    const seen = []
    for (const { errorOf, notices } of [ours, stock]) {
      notices.length = 0
      const error = await errorOf(`BEGIN; ${sql}`)
      seen.push({
        code: error?.code,
        message: error?.message,
        detail: error?.detail,
        hint: error?.hint,
        notices: [...notices],
      })
      await errorOf('ROLLBACK')
    }
    t.deepEqual(seen[0], seen[1], sql)
  }
})
