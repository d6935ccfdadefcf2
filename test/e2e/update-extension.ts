// ALTER EXTENSION UPDATE of what came through pginstall: the newest version of the installed provider, or the one named.
import test from 'ava'
import { runPginstall } from '../helpers/command.ts'
import { answeringModule, writeSourceTree } from '../helpers/source-trees.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

let stage: Stage
const fullName = 'git.example/deep/answer'

/** Version 1.1 has a function more, in its script and in its module; both versions' scripts call the same module. */
function source(version: string, answer: number) {
  const first = `CREATE FUNCTION answer() RETURNS int4 LANGUAGE c AS 'MODULE_PATHNAME', 'answer';`
  const second = `CREATE FUNCTION newer() RETURNS int4 LANGUAGE c AS '$libdir/answer', 'answer';`
  return writeSourceTree(stage.directory.path, {
    name: 'answer',
    version,
    control: "module_pathname = '$libdir/answer'",
    sql: version === '1.0' ? first : first + second,
    module: answeringModule('answer', answer),
    files: version === '1.0' ? {} : { [`answer--1.0--${version}.sql`]: second },
  })
}

test.before(async () => {
  stage = await setStage()
  stage.publish(source('1.0', 41), [fullName])
  stage.cluster.psql('CREATE DATABASE ours')
  stage.cluster.psql('CREATE DATABASE theirs')
  stage.cluster.psql('CREATE EXTENSION answer', { database: 'ours' })
  stage.cluster.psql('CREATE EXTENSION answer', { database: 'theirs' })
  stage.publish(source('1.1', 42), [fullName])
})

test.after.always(() => stage?.close())

test.serial('whoever does not own it is refused before anybody is asked', async (t) => {
  const { query } = await stage.cluster.connect({ database: 'ours' })
  await query('CREATE ROLE plain LOGIN')
  const before = stage.sidecar.log()
  const { errorOf } = await stage.cluster.connect({ database: 'ours', user: 'plain' })
  t.is((await errorOf('ALTER EXTENSION answer UPDATE'))?.message, 'must be owner of extension answer')
  t.is(stage.sidecar.log(), before)
})

test.serial('another provider, one that is not there, and a version that nobody has are errors', async (t) => {
  const { errorOf } = await stage.cluster.connect({ database: 'ours' })
  const other = await errorOf('ALTER EXTENSION "git.example/other/answer" UPDATE')
  t.is(other?.code, '42710')
  t.regex(other?.detail ?? '', /"git\.example\/deep\/answer" is installed/)
  t.is(
    (await errorOf('ALTER EXTENSION "git.example/deep/question" UPDATE'))?.message,
    'extension "git.example/deep/question" does not exist',
  )
  for (const version of ['9', '0.1'])
    t.is((await errorOf(`ALTER EXTENSION answer UPDATE TO '${version}'`))?.code, '42704', version)
  t.is((await errorOf(`ALTER EXTENSION answer UPDATE TO '../9'`))?.code, '42602')
})

test.serial('UPDATE brings the newest version, and the record says so', async (t) => {
  const { query, notices } = await stage.cluster.connect({ database: 'ours' })
  t.deepEqual(await query('SELECT answer()'), [{ answer: 41 }])
  await query(`ALTER EXTENSION "${fullName}" UPDATE`)
  t.true(notices.includes('found extension answer, version 1.1, at stage'))
  const fresh = await stage.cluster.connect({ database: 'ours' })
  t.deepEqual(await fresh.query('SELECT answer(), newer(), sql_version, version FROM pginstall.installed'), [
    { answer: 42, newer: 42, sql_version: '1.1', version: '1.1' },
  ])
  t.deepEqual(await fresh.query('SELECT count(*)::int FROM pginstall.record'), [{ count: 1 }])
  await fresh.query('ALTER EXTENSION answer UPDATE')
  t.true(fresh.notices.includes('version "1.1" of extension "answer" is already installed'))
})

test.serial('a database that stays on its old SQL version works with the newest module', async (t) => {
  const { query } = await stage.cluster.connect({ database: 'theirs' })
  t.deepEqual(await query('SELECT answer(), sql_version FROM pginstall.installed'), [
    { answer: 42, sql_version: '1.0' },
  ])
  await query(`ALTER EXTENSION answer UPDATE TO '1.1'`)
  t.deepEqual(await query('SELECT newer(), version FROM pginstall.installed'), [{ newer: 42, version: '1.1' }])
})

test.serial('DROP EXTENSION pginstall warns of what loses its provider, and of nothing else', async (t) => {
  const { client, query } = await stage.cluster.connect({ database: 'theirs' })
  const warnings: string[] = []
  client.on('notice', ({ severity, message, detail, hint }) => {
    if (severity === 'WARNING') warnings.push(`${message}\n${detail}\n${hint}`)
  })
  await query('BEGIN; DROP EXTENSION pginstall')
  t.is(warnings.length, 1)
  t.regex(
    warnings[0] ?? '',
    /^dropping extension "pginstall" forgets .*\n.*: "git\.example\/deep\/answer"\.\nRoll back, /,
  )
  await query('ROLLBACK; BEGIN; ALTER TABLE pginstall.record ADD more int; DROP EXTENSION pginstall; ROLLBACK')
  await query('BEGIN; DROP EXTENSION pginstall, answer; ROLLBACK')
  await query('BEGIN; DROP EXTENSION answer; DROP EXTENSION pginstall; DROP EXTENSION IF EXISTS pginstall; ROLLBACK')
  t.is(warnings.length, 1, warnings.join('\n'))
})

test.serial('what did not come through pginstall is PostgreSQL’s own matter', async (t) => {
  const { query, notices } = await stage.cluster.connect({ database: 'ours' })
  const before = stage.sidecar.log()
  await query('CREATE EXTENSION hstore; ALTER EXTENSION hstore UPDATE')
  t.deepEqual(
    notices.filter((notice) => !notice.includes('already installed')),
    [],
  )
  t.is(stage.sidecar.log(), before)
})

test.serial('from a shell: pginstall update', async (t) => {
  stage.cluster.psql('CREATE DATABASE shell')
  stage.cluster.psql(`CREATE EXTENSION answer VERSION '1.0'`, { database: 'shell' })
  const update = (...names: string[]) =>
    runPginstall(stage.configDirectory, [
      'update',
      '-h',
      stage.cluster.socketDirectory,
      '-U',
      'postgres',
      '-d',
      'shell',
      ...names,
    ])
  t.is(update(fullName).stdout, `updated: answer 1.1 (${fullName})\n1 updated, 0 up to date, 0 failed\n`)
  t.is(update('answer=1.1').stdout, `up to date: answer 1.1 (${fullName})\n0 updated, 1 up to date, 0 failed\n`)
  const missing = update('question')
  t.is(missing.status, 1)
  t.regex(
    missing.stderr,
    /extension "question" is not installed in the database\nHINT: Install it with: pginstall install question/,
  )
})
