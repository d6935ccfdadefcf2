// From the sidecar's result to the extension: what the hook refuses to use, what the statement alone sees, what is kept.
import { chmodSync, chownSync, mkdirSync, renameSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { findUser } from '../../src/adapters/privileges.ts'
import type { Session } from '../helpers/cluster.ts'
import { isRoot, serverUser } from '../helpers/os-users.ts'
import { answers, type Result, type Scene, setScene } from './helpers/scripted-sidecar.ts'

const nothing = 'SELECT 1;'
let scene: Scene
let databases = 0

test.before(async () => {
  scene = await setScene()
})

test.after.always(() => scene?.close())

/** A session in a database of its own, for a sidecar that answers with that result. */
async function sessionFor(result: Result): Promise<Session> {
  scene.sidecar.behave(answers({ result }))
  const database = `d${++databases}`
  await (await scene.cluster.connect()).query(`CREATE DATABASE ${database}`)
  return scene.cluster.connect({ database })
}

/** Where PostgreSQL looks for control files, now. */
async function whereControlFilesAre(session: Session): Promise<unknown> {
  return session.query(`
    SELECT setting, current_setting('extension_control_path', true) AS path FROM pg_config WHERE name = 'SHAREDIR'`)
}

/** The extension is not created, the error is the expected one, and nothing is left switched. */
async function refused(t: ExecutionContext, result: Result, expected: { code: string; message: RegExp }) {
  const session = await sessionFor(result)
  const before = await whereControlFilesAre(session)
  const error = await session.errorOf('CREATE EXTENSION "x.example/bad"')
  t.is(error?.code, expected.code, error?.message)
  t.regex(`${error?.message} ${error?.detail}`, expected.message)
  t.deepEqual(await whereControlFilesAre(session), before)
  t.deepEqual(await session.query(`SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'`), [])
}

test.serial('an answer for another extension or version', async (t) => {
  const bad = scene.place('bad', nothing)
  await refused(t, scene.place('good', nothing), { code: '58000', message: /another extension/ })
  await refused(t, scene.place('bad', nothing, { full_name: 'y.example/bad' }), {
    code: '58000',
    message: /another extension/,
  })
  const { errorOf } = await sessionFor(bad)
  t.regex((await errorOf(`CREATE EXTENSION bad VERSION '2.0'`))?.message ?? '', /another version/)
})

test.serial('paths that leave pginstall.directory, by text or by link', async (t) => {
  const bad = scene.place('bad', nothing)
  const elsewhere = (path: string): Result => ({ ...bad, exec_path: path, control_path: path })
  const outside = scene.directory.make('store-beside/bin')
  const cases: [string, RegExp][] = [
    ['/tmp', /not below/],
    [scene.store, /not below/],
    [`${scene.store}-beside/bin/postgres`, /not below/],
    [`${scene.store}/../store-beside/bin/postgres`, /"\.\."/],
    [`${scene.store}/./root-1`, /"\."/],
    [`${scene.store}//root-1`, /empty/],
    [`${scene.store}/root-1/`, /empty/],
    [`${scene.store}/a:${scene.store}/b`, /":"/],
    [`${scene.store}/${'x'.repeat(1100)}`, /longer than/],
  ]
  for (const [path, message] of cases) await refused(t, elsewhere(path), { code: '58000', message })

  symlinkSync(dirname(outside), join(scene.store, 'link'))
  await refused(t, elsewhere(join(scene.store, 'link/bin/postgres')), { code: '58000', message: /not a directory/ })
})

test.serial('a directory that others can write to, or that is theirs', async (t) => {
  const bad = scene.place('bad', nothing)
  const extensions = join(bad.control_path, 'extension')
  for (const mode of [0o775, 0o757]) {
    chmodSync(extensions, mode)
    await refused(t, bad, { code: '58000', message: /writable for group or others/ })
  }
  chmodSync(extensions, 0o755)
  if (isRoot) {
    chownSync(extensions, findUser(serverUser).uid, 0)
    await refused(t, bad, { code: '58000', message: /belongs neither to root nor to the sidecar/ })
    chownSync(extensions, 0, 0)
  }
  const moved = `${extensions}-moved`
  renameSync(extensions, moved)
  symlinkSync(moved, extensions)
  await refused(t, bad, { code: '58000', message: /not a directory/ })
})

test.serial('a root without the control file', async (t) => {
  const bad = scene.place('bad', nothing)
  renameSync(join(bad.control_path, 'extension'), join(bad.control_path, 'nowhere'))
  await refused(t, bad, { code: '58P01', message: /could not read the control file/ })
  mkdirSync(join(bad.control_path, 'extension', 'bad.control'), { recursive: true })
  await refused(t, bad, { code: '58P01', message: /could not read the control file/ })
})

test.serial('a module that dynamic_library_path does not reach', async (t) => {
  const modules = { bad: 'bad--x.example+bad' }
  const bad = scene.place('bad', nothing, { modules })
  await refused(t, bad, { code: '58P01', message: /could not find module "bad--x\.example\+bad"/ })
  const session = await sessionFor(bad)
  const error = await session.errorOf('CREATE EXTENSION bad')
  t.is(error?.hint, `Append "${bad.module_path}" to the setting dynamic_library_path, or run pginstall setup.`)
})

test.serial('the script sees the switch; nothing after does, whichever way it ends', async (t) => {
  const see = `DO $$ BEGIN RAISE WARNING 'in %', (SELECT setting || coalesce(current_setting('extension_control_path', true), '')
    FROM pg_config WHERE name = 'SHAREDIR'); END $$;`
  const good = scene.place('good', see)
  const session = await sessionFor(good)
  const before = await whereControlFilesAre(session)
  await session.query('CREATE EXTENSION good')
  t.regex(session.notices.at(-1) ?? '', new RegExp(`in .*${scene.store}`))
  t.deepEqual(await whereControlFilesAre(session), before)

  const failing = scene.place('failing', `${see} SELECT 1/0;`)
  scene.sidecar.behave(answers({ result: failing }))
  t.is((await session.errorOf('CREATE EXTENSION failing'))?.code, '22012')
  t.deepEqual(await whereControlFilesAre(session), before)

  await session.query(`DO $$ BEGIN CREATE EXTENSION failing; EXCEPTION WHEN division_by_zero THEN NULL; END $$`)
  t.deepEqual(await whereControlFilesAre(session), before)

  await session.query('BEGIN; SAVEPOINT s')
  t.is((await session.errorOf('CREATE EXTENSION failing'))?.code, '22012')
  await session.query('ROLLBACK TO s')
  t.deepEqual(await whereControlFilesAre(session), before)
  await session.query('COMMIT')

  await session.query(`
    CREATE FUNCTION never() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'never'; END $$;
    CREATE EVENT TRIGGER never ON ddl_command_end WHEN TAG IN ('CREATE EXTENSION') EXECUTE FUNCTION never()`)
  const other = scene.place('other', nothing)
  scene.sidecar.behave(answers({ result: other }))
  t.is((await session.errorOf('CREATE EXTENSION other'))?.message, 'never')
  t.deepEqual(await whereControlFilesAre(session), before)
  t.deepEqual(await session.query('SELECT name FROM pginstall.installed'), [{ name: 'good' }])
})

test.serial('DO and EXECUTE, and the same statement twice from one cached plan', async (t) => {
  const session = await sessionFor(scene.place('good', nothing))
  await session.query(`
    CREATE FUNCTION again() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
      CREATE EXTENSION "x.example/good"; DROP EXTENSION good; END $$`)
  await session.query('SELECT again()')
  await session.query('SELECT again()')
  t.deepEqual(
    scene.sidecar.requests.map(({ extension }) => extension),
    ['x.example/good', 'x.example/good'],
  )
  await session.query(`DO $$ BEGIN EXECUTE 'CREATE EXTENSION "x.example/good"'; END $$`)
  t.deepEqual(await session.query('SELECT full_name FROM pginstall.installed'), [{ full_name: 'x.example/good' }])
})

test.serial('the record follows what is there', async (t) => {
  const session = await sessionFor(scene.place('good', nothing))
  const { query } = session
  const records = async () => (await query('SELECT name FROM pginstall.record ORDER BY name')).map(({ name }) => name)
  await query('CREATE EXTENSION "x.example/good"')
  t.deepEqual(session.notices, ['installing required extension "pginstall"'])
  t.deepEqual(
    await query('SELECT name, sql_version, full_name, version, digest, repository FROM pginstall.installed'),
    [
      {
        name: 'good',
        sql_version: '1.0',
        full_name: 'x.example/good',
        version: '1.0',
        digest: 'd'.repeat(64),
        repository: 'scripted',
      },
    ],
  )
  await query('DROP EXTENSION good')
  t.deepEqual(await query('SELECT * FROM pginstall.installed'), [])
  scene.sidecar.behave(answers({ result: scene.place('other', nothing) }))
  await query('CREATE EXTENSION other')
  t.deepEqual(await records(), ['other'])
  t.deepEqual(
    scene.sidecar.requests[0]?.installed?.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    [{ name: 'pginstall' }, { name: 'plpgsql' }],
  )
  scene.sidecar.behave(answers({ result: scene.place('third', nothing) }))
  await query('BEGIN; CREATE EXTENSION third; ROLLBACK')
  t.deepEqual(await records(), ['other'])
  t.deepEqual(
    scene.sidecar.requests[0]?.installed?.find(({ name }) => name === 'other'),
    { name: 'other', full_name: 'x.example/other' },
  )
})

test.serial('a plain role has its extension recorded, and no way to the record', async (t) => {
  const result = scene.place('good', nothing)
  const admin = await sessionFor(result)
  const [{ database }] = (await admin.query('SELECT current_database() AS database')) as [{ database: string }]
  await admin.query(`CREATE ROLE plain LOGIN; GRANT CREATE ON DATABASE ${database} TO plain`)
  const plain = await scene.cluster.connect({ database, user: 'plain' })
  // Its own script would need a trusted control file; what has been made for it shows that the role was put back.
  t.is((await plain.errorOf('CREATE EXTENSION good'))?.code, '42501')
  t.deepEqual(await plain.query('SELECT current_user'), [{ current_user: 'plain' }])
  await admin.query('CREATE EXTENSION good')
  t.deepEqual(await plain.query('SELECT name FROM pginstall.installed'), [{ name: 'good' }])
  for (const sql of ['DELETE FROM pginstall.record', "SELECT pginstall.search('')", 'SELECT pginstall.status()']) {
    t.is((await plain.errorOf(sql))?.code, '42501', sql)
  }
})

test.serial('a schema that a stranger has made is not written to', async (t) => {
  const admin = await sessionFor(scene.place('good', nothing))
  await admin.query('CREATE ROLE stranger; CREATE SCHEMA pginstall AUTHORIZATION stranger')
  t.regex((await admin.errorOf('CREATE EXTENSION good'))?.message ?? '', /belongs to a role that is not a superuser/)

  // Nor one that has taken the place of ours since.
  await admin.query('DROP SCHEMA pginstall; CREATE EXTENSION pginstall')
  await admin.query(`
    ALTER SCHEMA pginstall RENAME TO elsewhere; CREATE SCHEMA pginstall AUTHORIZATION stranger;
    CREATE TABLE pginstall.record AS TABLE elsewhere.record; CREATE TABLE pginstall.installed AS TABLE elsewhere.installed`)
  await admin.query('CREATE EXTENSION good')
  t.deepEqual(await admin.query('SELECT name FROM pginstall.record'), [])
  t.deepEqual(await admin.query('SELECT name FROM elsewhere.installed'), [{ name: 'good' }])
})
