// The hook among others: extensions of many servers' choice and another ProcessUtility hook, loaded before it and after
// it; and what else reads the directories that a statement of ours is shown others for.
import { execFileSync } from 'node:child_process'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { packagePath } from '../../src/adapters/package-root.ts'
import type { Session } from '../helpers/cluster.ts'
import { defaultPgConfig } from '../helpers/private-installation.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'
import { answers, setScene } from './helpers/scripted-sidecar.ts'

const directory = makeTemporaryDirectory('neighbours')
const before = join(directory.path, 'pgext/test/neighbour/before')
const after = join(directory.path, 'pgext/test/neighbour/after')

test.before(() => {
  cpSync(packagePath('pgext'), join(directory.path, 'pgext'), {
    recursive: true,
    filter: (file) => !/\.(o|so)$/.test(file),
  })
  const make = ['--silent', '-C', join(directory.path, 'pgext/test/neighbour'), `PG_CONFIG=${defaultPgConfig}`]
  execFileSync('make', make, { stdio: ['ignore', 'ignore', 'pipe'] })
})

test.after.always(() => directory.remove())

const settings = {
  'auto_explain.log_min_duration': '0',
  'auto_explain.log_nested_statements': 'on',
  'pg_stat_statements.track': 'all',
}

test.serial('beside pg_stat_statements and auto_explain, between two hooks of another', async (t) => {
  await liveTogether(t, 'good', {
    shared_preload_libraries: 'pg_stat_statements',
    session_preload_libraries: `auto_explain, ${before}, pginstall, ${after}`,
  })
})

test.serial('loaded before all of them', async (t) => {
  await liveTogether(t, 'x.example/good', {
    shared_preload_libraries: 'pginstall, pg_stat_statements, auto_explain',
    session_preload_libraries: `${before}, ${after}`,
  })
})

/** Who is loaded later is called first, and sees what was typed; who was there before us, what is carried out. */
async function liveTogether(t: ExecutionContext, seenBefore: string, libraries: Record<string, string>): Promise<void> {
  const scene = await setScene({ ...settings, ...libraries })
  t.teardown(() => scene.close())
  const { query, errorOf, notices } = await scene.cluster.connect()
  await query('CREATE EXTENSION pg_stat_statements')
  notices.length = 0
  scene.sidecar.behave(
    answers({ result: scene.place('good', 'CREATE FUNCTION good() RETURNS int4 LANGUAGE sql AS $$ SELECT 42 $$;') }),
  )
  await query('CREATE EXTENSION "x.example/good"')
  const ofGood = notices.filter((notice) => notice.endsWith('good"'))
  t.deepEqual(ofGood, [`the hook loaded after sees "x.example/good"`, `the hook loaded before sees "${seenBefore}"`])
  scene.sidecar.behave(answers({ error: { sqlstate: '42704', message: 'no such extension' } }))
  t.is((await errorOf('CREATE EXTENSION "x.example/absent"'))?.code, '42704')
  t.deepEqual(await query('SELECT good() AS found'), [{ found: 42 }])
  t.deepEqual(
    await query(
      `SELECT query, calls::int FROM pg_stat_statements WHERE query ~ '^CREATE EXTENSION .x|good..$' ORDER BY 1`,
    ),
    [{ query: 'CREATE EXTENSION "x.example/good"', calls: 1 }],
  )
  t.regex(scene.cluster.log(), /Query Text: SELECT good\(\) AS found/)
}

/** What is read from the server's own directories, all of it outside the statement. */
async function readFromServer({ query }: Session): Promise<unknown> {
  return [
    await query('SELECT name, setting FROM pg_config'),
    await query('SELECT name, default_version, installed_version FROM pg_available_extensions ORDER BY 1'),
    await query('SELECT name, version FROM pg_available_extension_versions ORDER BY 1, 2'),
    await query(`SET timezone_abbreviations = 'India'; SELECT abbrev FROM pg_timezone_abbrevs ORDER BY 1`),
    await query(`SET timezone_abbreviations = 'Default'; SELECT count(*) FROM pg_timezone_names`),
    await query(`CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = simple, StopWords = english)`),
    await query(`SELECT ts_lexize('d', 'the') AS stopped, ts_lexize('d', 'prefix') AS kept`),
    await query('DROP TEXT SEARCH DICTIONARY d'),
  ]
}

test.serial(
  'what the server’s own directories say is the same before and after, however the statement ends',
  async (t) => {
    const scene = await setScene()
    t.teardown(() => scene.close())
    const session = await scene.cluster.connect()
    await session.query('CREATE EXTENSION pginstall')
    const atFirst = await readFromServer(session)
    const ends = async (script: string, code?: string) => {
      scene.sidecar.behave(answers({ result: scene.place('good', script) }))
      t.is((await session.errorOf('CREATE EXTENSION good'))?.code, code)
      await session.query('RESET statement_timeout')
      await session.query('DROP EXTENSION IF EXISTS good')
      t.deepEqual(await readFromServer(session), atFirst)
    }
    await ends('SELECT 1;')
    await ends('SELECT 1 / 0;', '22012')
    await session.query(`SET statement_timeout = '200ms'`)
    await ends('SELECT pg_sleep(60);', '57014')
  },
)
