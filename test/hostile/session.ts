// What a role can make of its session before it creates an extension, and what it can do to the record of others: nothing
// that changes what is installed, what is written down, or as whom.
import test from 'ava'
import { writeSettings } from '../helpers/command.ts'
import { forgeArchive } from '../helpers/forged-archive.ts'
import { type Scene, setScene } from '../helpers/scene.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

/** Has plans run in parallel that need not be. */
let parallelMode: string
let stage: Stage
let archive: string

const good = 'git.example/session/good'

test.before(async () => {
  stage = await setStage()
  parallelMode = stage.installation.versionNum < 160000 ? 'force_parallel_mode' : 'debug_parallel_query'
  archive = await forgeArchive(stage.directory.path, {
    fullName: good,
    control: `default_version = '1.0'\n`,
    script: `CREATE TABLE made_by AS SELECT current_user::text AS who, session_user::text AS session;`,
  })
})

test.after.always(() => stage?.close())

/** A role of the title's name that owns the database and may install `good` as a trusted extension. */
async function owner({ session, database, repository }: Scene, role: string) {
  await repository.add(archive)
  repository.publish()
  await session.query(`CREATE ROLE ${role} LOGIN REPLICATION; ALTER DATABASE ${database} OWNER TO ${role}`)
  const extensions = 'git.example/session/*'
  writeSettings(stage.configDirectory, `grants/${role}`, { role, extensions, trusted: 'yes' })
  return stage.cluster.connect({ database, user: role })
}

const recorded = [{ name: 'good', full_name: good }]
const installed = 'SELECT name, full_name FROM pginstall.installed'

test.serial('settings that every role may change', async (t) => {
  const scene = await setScene(t, stage)
  const { query } = await owner(scene, 'setter')
  await query(`
    CREATE SCHEMA mine;
    SET search_path = mine, pg_temp, pg_catalog;
    SET row_security = off;
    SET client_encoding = 'LATIN1';
    SET standard_conforming_strings = off;
    SET backslash_quote = on;
    SET escape_string_warning = off;
    SET quote_all_identifiers = on;
    SET transform_null_equals = on;
    SET check_function_bodies = off;
    SET default_transaction_isolation = serializable;
    SET default_transaction_deferrable = on;
    SET enable_seqscan = off;
    SET ${parallelMode} = regress;
    SET parallel_setup_cost = 0;
    SET min_parallel_table_scan_size = 0;
    SET datestyle = 'SQL, DMY';
    SET timezone = 'Pacific/Apia';
    SET plan_cache_mode = force_generic_plan;
    SET default_with_oids = off;
    SET bytea_output = escape`)
  await query('CREATE EXTENSION good')
  await query('RESET ALL')
  t.deepEqual(await scene.session.query(installed), recorded)
  t.deepEqual(await scene.session.query('SELECT * FROM mine.made_by'), [{ who: 'postgres', session: 'setter' }])
})

test.serial('objects of their own that are called as those that the hook reads and writes', async (t) => {
  const scene = await setScene(t, stage)
  const { query, errorOf } = await owner(scene, 'namesake')
  await query(`
    CREATE SCHEMA mine;
    CREATE TABLE mine.heard (what text, who text);
    CREATE FUNCTION mine.hear(what text) RETURNS void LANGUAGE sql AS $$ INSERT INTO mine.heard VALUES (what, current_user) $$;
    CREATE FUNCTION mine.name(text) RETURNS name LANGUAGE plpgsql AS $$ BEGIN PERFORM mine.hear('name'); RETURN $1; END $$;
    CREATE FUNCTION mine.getpgusername() RETURNS name LANGUAGE plpgsql AS $$ BEGIN PERFORM mine.hear('user'); RETURN 'x'; END $$;
    CREATE FUNCTION mine.oideq(oid, oid) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM mine.hear('oideq'); RETURN true; END $$;
    CREATE OPERATOR mine.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = mine.oideq);
    CREATE FUNCTION mine.nameeq(name, name) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM mine.hear('nameeq'); RETURN true; END $$;
    CREATE OPERATOR mine.= (LEFTARG = name, RIGHTARG = name, FUNCTION = mine.nameeq);
    CREATE DOMAIN mine.text AS pg_catalog.text CHECK (mine.hear('domain') IS NULL);
    CREATE TEMP TABLE pg_extension (oid oid, extname name, extversion text);
    CREATE TEMP TABLE record (extension oid, name text, full_name text, version text, digest text, repository text);
    CREATE TEMP VIEW installed AS SELECT 'good'::pg_catalog.text AS name, 'evil.example/x/good'::pg_catalog.text AS full_name;
    SET search_path = pg_temp, mine, public, pg_catalog`)
  for (const sql of [
    `CREATE CAST (name AS pg_catalog.text) WITH FUNCTION mine.name(pg_catalog.text)`,
    `CREATE CAST (oid AS pg_catalog.text) WITH INOUT AS IMPLICIT`,
    `CREATE OPERATOR CLASS mine.oids DEFAULT FOR TYPE oid USING btree AS OPERATOR 3 mine.=`,
    `CREATE OPERATOR pg_catalog.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = mine.oideq)`,
    `CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION mine.trigger()`,
    `ALTER DEFAULT PRIVILEGES FOR ROLE postgres GRANT ALL ON TABLES TO namesake`,
  ]) {
    t.regex((await errorOf(sql))?.code ?? 'none', /^(42501|42P17|42883|42704)$/, sql)
  }
  await query('CREATE EXTENSION good SCHEMA public')
  await query('RESET search_path')
  t.deepEqual(await query('SELECT * FROM mine.heard'), [])
  t.deepEqual(await query(installed), recorded)
})

test.serial('the record is nobody’s but ours, whoever owns the database', async (t) => {
  const scene = await setScene(t, stage)
  const { query, errorOf } = await owner(scene, 'forger')
  await query(
    'CREATE EXTENSION good; CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$',
  )
  for (const sql of [
    'ALTER SCHEMA pginstall RENAME TO mine',
    'ALTER EXTENSION pginstall SET SCHEMA public',
    'ALTER EXTENSION pginstall DROP TABLE pginstall.record',
    'ALTER EXTENSION pginstall UPDATE',
    'ALTER EXTENSION good ADD TABLE pginstall.record',
    'ALTER TABLE pginstall.record OWNER TO forger',
    'ALTER TABLE pginstall.record ENABLE ROW LEVEL SECURITY',
    'REASSIGN OWNED BY postgres TO forger',
    'CREATE TRIGGER trap BEFORE INSERT ON pginstall.record FOR EACH ROW EXECUTE FUNCTION trap()',
    'CREATE RULE trap AS ON INSERT TO pginstall.record DO INSTEAD NOTHING',
    'CREATE POLICY trap ON pginstall.record USING (false)',
    'CREATE TABLE heir () INHERITS (pginstall.record)',
    'CREATE INDEX ON pginstall.record ((trap()))',
    'CREATE OR REPLACE VIEW pginstall.installed AS SELECT 1',
    'CREATE FUNCTION pginstall.status() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
    'DO $$ BEGIN LOCK TABLE pginstall.record; END $$',
    'DO $$ BEGIN LOCK TABLE pginstall.installed IN ROW EXCLUSIVE MODE; END $$',
    'TRUNCATE pginstall.record',
    'COPY pginstall.record FROM STDIN',
    `INSERT INTO pginstall.installed (name) VALUES ('x')`,
    `SELECT pg_extension_config_dump('pginstall.record', 'false')`,
    `COMMENT ON EXTENSION pginstall IS 'x'`,
    'DROP SCHEMA pginstall CASCADE',
    'DROP OWNED BY postgres',
  ]) {
    t.regex((await errorOf(sql))?.code ?? 'none', /^(42501|42P16|55000|2BP01|42809|0A000|42704|42723)$/, sql)
  }
  t.deepEqual(await scene.session.query(installed), recorded)
})

test.serial('parallel workers', async (t) => {
  const scene = await setScene(t, stage)
  const { query, errorOf } = await owner(scene, 'worker')
  const asked = scene.repository.requests.length
  // PARALLEL SAFE is what its owner says of it.
  await query(`
    CREATE FUNCTION evil(name text) RETURNS text LANGUAGE plpgsql PARALLEL SAFE AS $$ BEGIN
      EXECUTE format('CREATE EXTENSION %I', name); RETURN name; END $$;
    SET ${parallelMode} = on`)
  for (const name of ['good', good, 'hstore']) {
    const error = await errorOf(`SELECT evil('${name}')`)
    t.is(error?.code, '25000', error?.message)
    t.regex(error?.message ?? '', /cannot execute CREATE EXTENSION during a parallel operation/)
  }
  t.is(scene.repository.requests.length, asked)
  // A superuser's settings go along to workers that work for somebody else.
  await scene.session.query(`SET pginstall.timeout = '1min'; SET ${parallelMode} = on; SET ROLE worker`)
  t.deepEqual(await scene.session.query(`SELECT current_setting('pginstall.timeout') AS timeout`), [
    { timeout: '1min' },
  ])
  await scene.session.query('RESET ALL; RESET ROLE; CREATE EXTENSION good; CREATE EXTENSION hstore')
})

test.serial('the connection of a replica', async (t) => {
  const scene = await setScene(t, stage)
  await owner(scene, 'replica')
  const asked = scene.repository.requests.length
  // A walsender loads nothing for its session, so this is PostgreSQL as it comes; without a database it takes no SQL. That
  // of an older server does load what other sessions load, so that it has the hook and is as any session.
  const bare = [
    ['postgres', 'database', `"${good}"`, /extension name|directory separator/],
    ['replica', 'database', 'good', /extension "good" is not available/],
  ] as const
  for (const [user, replication, name, expected] of [
    ...(stage.installation.versionNum < 150000 ? [] : bare),
    ['replica', 'true', 'good', /cannot execute SQL commands in WAL sender/],
  ] as const) {
    const connection = `host=${stage.cluster.socketDirectory} user=${user} dbname=${scene.database} replication=${replication}`
    const { output } = stage.cluster.psql(`CREATE EXTENSION ${name}`, { database: connection, user })
    t.regex(output, expected)
  }
  t.is(scene.repository.requests.length, asked)
  t.notRegex(stage.cluster.log(), /terminated by signal|PANIC/)
})
