// With shared_preload_libraries the hook is in processes that no session's settings reach: the server's own workers, and
// the connections of replicas.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import test from 'ava'
import { answer, type BadDay, beginBadDay } from '../helpers/bad-day.ts'

let day: BadDay

test.before(async () => {
  day = await beginBadDay({
    session_preload_libraries: '',
    shared_preload_libraries: 'pginstall',
    wal_level: 'logical',
  })
})
test.after.always(() => day?.close())

test.serial('a replica’s connection installs for a superuser, and for nobody else', async (t) => {
  const session = await day.session()
  const [{ database } = {}] = await session.query('SELECT current_database() AS database')
  await session.query(`CREATE ROLE replica LOGIN REPLICATION; GRANT CREATE ON DATABASE ${database} TO replica`)
  // Not by a helper that waits: the repository is served from this process.
  const run = async (user: string, replication: string) => {
    const connection = `host=${day.cluster.socketDirectory} user=${user} dbname=${database} replication=${replication}`
    const ran = promisify(execFile)('psql', ['-X', connection, '-c', answer])
    return ran.then(
      ({ stdout }) => stdout,
      ({ stderr }) => String(stderr),
    )
  }
  const asked = day.repository.archivesAsked()
  t.regex(await run('replica', 'database'), /permission denied to install extension/)
  t.regex(await run('replica', 'true'), /cannot execute SQL commands in WAL sender/)
  t.is(day.repository.archivesAsked(), asked)
  t.regex(await run('postgres', 'database'), /CREATE EXTENSION/)
  t.deepEqual(await session.query('SELECT answer()'), [{ answer: 42 }])
  await day.unharmed(t)
})

test.serial('what a table’s owner prepared for a superuser’s upkeep runs as the owner, who may not', async (t) => {
  const session = await day.session()
  const [{ database } = {}] = await session.query('SELECT current_database() AS database')
  await session.query(`CREATE ROLE preparer LOGIN; ALTER DATABASE ${database} OWNER TO preparer`)
  const preparer = await day.cluster.connect({ database: String(database), user: 'preparer' })
  // Only a function that says it is immutable may stand in an index; what it calls may be anything.
  await preparer.query(`
    CREATE FUNCTION inner_evil() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
      ${answer}; EXCEPTION WHEN OTHERS THEN RAISE LOG 'evil: % %', current_user, SQLERRM; END $$;
    CREATE FUNCTION evil(x int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
      PERFORM public.inner_evil(); RETURN x; END $$;
    CREATE TABLE bait (x int); INSERT INTO bait VALUES (1);
    CREATE INDEX ON bait (evil(x))`)
  const asked = day.repository.archivesAsked()
  const tries = () => day.cluster.log().match(/LOG: {2}evil: preparer permission denied to install/g)?.length ?? 0
  const before = tries()
  t.true(before > 0)
  await session.query('REINDEX TABLE bait')
  t.true(tries() > before)
  t.is(day.repository.archivesAsked(), asked)
  t.deepEqual(await session.query(`SELECT extname FROM pg_extension WHERE extname = 'answer'`), [])
  await day.unharmed(t)
})
