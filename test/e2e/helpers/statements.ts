// Every statement that has the name of an installed extension, and every way in which a statement can arrive.
import type pg from 'pg'
import type { Session } from '../../helpers/cluster.ts'

/** What the statements work on, beside an extension `phrase` of version 1.0 with a function `says()`. */
export const props = `
  CREATE SCHEMA elsewhere;
  CREATE TYPE "odd""EXTENSION" AS ENUM ('a');
  CREATE FUNCTION loose(numeric(10, 2), "odd""EXTENSION") RETURNS int LANGUAGE sql AS 'SELECT 1';
  CREATE TABLE extension (id int);
  CREATE INDEX "on" ON extension (id);
  CREATE MATERIALIZED VIEW seen AS SELECT 1 AS id;
  CREATE TRIGGER depends BEFORE UPDATE ON extension FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();`

export type Statement = {
  title: string
  /** Run first, where the extension alone will not do. */
  before?: string
  /** `name` is the extension's, as SQL has it. */
  sql(name: string): string
  /** Whether it has done what it should. */
  done: string
  /** Makes everything as it was; `full` is the full name, as SQL has it. */
  undo?(full: string): string
}

const extension = `(SELECT oid FROM pg_extension WHERE extname = 'phrase')`
const loose = `(SELECT oid FROM pg_proc WHERE proname = 'loose')`

function depends(type: 'e' | 'x', object: string): string {
  return `EXISTS (SELECT FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND refobjid = ${extension}
    AND deptype = '${type}' AND objid = ${object})`
}

const objects: [string, string][] = [
  [`FUNCTION loose(numeric('10', $q$2$q$), "odd""EXTENSION")`, loose],
  ['INDEX "on"', `'"on"'::regclass`],
  ['MATERIALIZED VIEW seen', `'seen'::regclass`],
  ['TRIGGER depends ON extension', `(SELECT oid FROM pg_trigger WHERE tgname = 'depends')`],
]

/** About an extension that is installed, and stays so. */
export const alterations: Statement[] = [
  {
    title: 'COMMENT ON EXTENSION',
    sql: (name) => `COMMENT ON EXTENSION ${name} IS 'noted'`,
    done: `coalesce(obj_description(${extension}, 'pg_extension') = 'noted', false)`,
    undo: () => 'COMMENT ON EXTENSION phrase IS NULL',
  },
  {
    title: 'ALTER EXTENSION SET SCHEMA',
    sql: (name) => `ALTER EXTENSION ${name} SET SCHEMA elsewhere`,
    done: `(SELECT extnamespace = 'elsewhere'::regnamespace FROM pg_extension WHERE extname = 'phrase')`,
    undo: () => 'ALTER EXTENSION phrase SET SCHEMA public',
  },
  {
    title: 'ALTER EXTENSION ADD',
    sql: (name) => `ALTER EXTENSION ${name} ADD TABLE extension`,
    done: depends('e', `'extension'::regclass`),
    undo: () => 'ALTER EXTENSION phrase DROP TABLE extension',
  },
  {
    title: 'ALTER EXTENSION DROP',
    sql: (name) => `ALTER EXTENSION ${name} DROP FUNCTION says()`,
    done: `NOT ${depends('e', `'says'::regproc`)}`,
    undo: () => 'ALTER EXTENSION phrase ADD FUNCTION says()',
  },
  ...objects.map(
    ([object, oid]): Statement => ({
      title: `ALTER ${object} DEPENDS ON EXTENSION`,
      sql: (name) => `ALTER ${object} DEPENDS ON EXTENSION ${name}`,
      done: depends('x', oid),
      undo: () => `ALTER ${object} NO DEPENDS ON EXTENSION phrase`,
    }),
  ),
  {
    title: 'ALTER FUNCTION NO DEPENDS ON EXTENSION',
    before: 'ALTER FUNCTION loose DEPENDS ON EXTENSION phrase',
    sql: (name) => `ALTER FUNCTION loose NO DEPENDS ON EXTENSION ${name}`,
    done: `NOT ${depends('x', loose)}`,
  },
]

const versionIs = (version: string) => `EXISTS (SELECT FROM pg_extension WHERE extname = 'phrase'
  AND extversion = '${version}')`
const recreate = (full: string) => `DROP EXTENSION IF EXISTS phrase; CREATE EXTENSION ${full} VERSION '1.0'`

/** After which another extension is there, or none. */
export const upheavals: Statement[] = [
  {
    title: 'DROP EXTENSION',
    sql: (name) => `DROP EXTENSION ${name}`,
    done: `NOT ${versionIs('1.0')}`,
    undo: recreate,
  },
  {
    title: 'DROP EXTENSION IF EXISTS, several',
    before: 'CREATE EXTENSION hstore',
    sql: (name) =>
      `DROP EXTENSION IF EXISTS "git.example/none/${'absent-'.repeat(7)}here", hstore, ${name}, absent CASCADE`,
    done: `NOT EXISTS (SELECT FROM pg_extension WHERE extname IN ('phrase', 'hstore'))`,
    undo: recreate,
  },
  {
    title: 'CREATE EXTENSION',
    before: 'DROP EXTENSION phrase',
    sql: (name) => `CREATE EXTENSION IF NOT EXISTS ${name} VERSION '1.0'`,
    done: versionIs('1.0'),
  },
  {
    title: 'ALTER EXTENSION UPDATE',
    sql: (name) => `ALTER EXTENSION ${name} UPDATE`,
    done: versionIs('1.1'),
    undo: recreate,
  },
]

/** Runs the statement, once. */
export type Arrival = (session: Session, sql: string) => Promise<unknown>

/** The statement in a function of that language, which is called. */
function inFunction(language: string, body: (sql: string) => string): Arrival {
  return ({ query }, sql) =>
    query(`CREATE OR REPLACE FUNCTION pg_temp.run() RETURNS void LANGUAGE ${language} AS $f$ ${body(sql)} $f$;
      SELECT pg_temp.run()`)
}

const literal = (text: string) => `'${text.replaceAll("'", "''")}'`
let prepared = 0

export const arrivals: Record<string, Arrival> = {
  'the simple protocol': ({ query }, sql) => query(sql),
  'the extended protocol': ({ client }, sql) => client.query({ text: sql, queryMode: 'extended' } as pg.QueryConfig),
  'a prepared statement': ({ client }, text) => client.query({ name: `s${++prepared}`, text }),
  'one of several in a string': ({ query }, sql) => query(`SELECT 'EXTENSION "'; -- "\n${sql}; SELECT 2`),
  'static in DO': ({ query }, sql) => query(`DO $f$ BEGIN PERFORM 1; ${sql}; END $f$`),
  'EXECUTE of several in DO': ({ query }, sql) =>
    query(`DO $f$ BEGIN EXECUTE ${literal(`SELECT 'é'; ${sql}; SELECT 2`)}; END $f$`),
  'static in PL/pgSQL': inFunction('plpgsql', (sql) => `BEGIN PERFORM 1; ${sql}; END`),
  'EXECUTE in PL/pgSQL': inFunction('plpgsql', (sql) => `BEGIN EXECUTE ${literal(sql)}; END`),
  'a function in SQL': inFunction('sql', (sql) => `SELECT 1; ${sql}`),
  'an event trigger': ({ query }, sql) =>
    query(`
      CREATE FUNCTION react() RETURNS event_trigger LANGUAGE plpgsql AS $f$ BEGIN ${sql}; END $f$;
      CREATE EVENT TRIGGER react ON ddl_command_end WHEN TAG IN ('CREATE SEQUENCE') EXECUTE FUNCTION react();
      CREATE SEQUENCE fires;
      DROP EVENT TRIGGER react;
      DROP FUNCTION react;
      DROP SEQUENCE fires`),
}

/** Ways to write a name in SQL. */
export const spellings: Record<string, (name: string) => string> = {
  'after comments': (name) => `/* "not" /* "this" */ */ -- "nor this"\n"${name}"/**/`,
  'with Unicode escapes': (name) => `U&"${name.replaceAll('/', '\\002f').replace('phrase', '\\+000070hrase')}"`,
  'with UESCAPE': (name) => `u&"${name.replaceAll('.', '!002E')}" /* as */ UESCAPE -- "!"\n '!'`,
}
