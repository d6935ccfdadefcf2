// Transactions and subtransactions that do not live to see their extension; and everybody at once.
import test from 'ava'
import { answer, type BadDay, beginBadDay, installs } from '../../helpers/bad-day.ts'
import { gated } from '../../helpers/unreliable-repository.ts'

let day: BadDay

test.before(async () => {
  day = await beginBadDay()
})
test.afterEach.always((t) => day.unharmed(t))
test.after.always(() => day?.close())

const none = `SELECT extname FROM pg_extension WHERE extname IN ('answer', 'pginstall')`
const sharedir = `SELECT setting FROM pg_config WHERE name = 'SHAREDIR'`

test.serial('a transaction that is rolled back leaves the database as it was', async (t) => {
  const session = await day.session()
  await session.query(`BEGIN; ${answer}; SELECT answer(); ROLLBACK`)
  t.deepEqual(await session.query(none), [])
  await installs(t, session)
})

test.serial('a subtransaction that aborts takes only its own extension', async (t) => {
  const session = await day.session()
  const before = await session.query(sharedir)
  await session.query(`BEGIN; CREATE TABLE kept (); SAVEPOINT s; ${answer}; ROLLBACK TO s`)
  t.deepEqual(await session.query(none), [])
  t.deepEqual(await session.query(sharedir), before)
  await session.query(`SAVEPOINT s; ${answer}; RELEASE s; COMMIT`)
  t.deepEqual(await session.query('SELECT answer(), full_name FROM pginstall.installed, kept'), [])
  t.deepEqual(await session.query('SELECT answer(), full_name FROM pginstall.installed'), [
    { answer: 42, full_name: 'git.example/answer/answer' },
  ])
})

test.serial(
  'an exception block that catches what comes after, and one that catches the statement itself',
  async (t) => {
    const session = await day.session()
    const before = await session.query(sharedir)
    await session.query(`DO $$ BEGIN
    BEGIN EXECUTE '${answer}'; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END;
    BEGIN EXECUTE '${answer} SCHEMA nowhere'; EXCEPTION WHEN invalid_schema_name THEN NULL; END;
    BEGIN EXECUTE 'CREATE EXTENSION "git.example/no/such"'; EXCEPTION WHEN undefined_object THEN NULL; END;
  END $$`)
    t.deepEqual(await session.query(none), [])
    t.deepEqual(await session.query(sharedir), before)
    await installs(t, session)
  },
)

test.serial('50 sessions at once in 50 databases: one download, 50 successes', async (t) => {
  await day.forget()
  const gate = gated()
  day.repository.behave(gate.behaviour)
  const sessions = []
  for (let count = 0; count < 50; count++) sessions.push(await day.session())
  const created = sessions.map((session) => session.errorOf(answer))
  await gate.reached
  gate.open()
  t.deepEqual(await Promise.all(created), Array(50).fill(undefined))
  t.is(day.repository.archivesAsked(), 1)
  for (const { query } of sessions) t.deepEqual(await query('SELECT answer()'), [{ answer: 42 }])
})
