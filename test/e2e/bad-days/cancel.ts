// Whoever waits for a slow download goes away: the backend is free at once, the download goes on for the others.
import test from 'ava'
import { answer, type BadDay, beginBadDay, installs } from '../../helpers/bad-day.ts'
import { gated } from '../../helpers/unreliable-repository.ts'

let day: BadDay

test.before(async () => {
  day = await beginBadDay()
})
test.after.always(() => day?.close())

/** Two sessions wait for one download; what ends the first one's wait. */
async function twoWait() {
  await day.forget()
  const gate = gated()
  day.repository.behave(gate.behaviour)
  const [first, second] = [await day.session(), await day.session()]
  const [row] = await first.query('SELECT pg_backend_pid() AS pid')
  const [ended, created] = [first.errorOf(answer), second.errorOf(answer)]
  await gate.reached
  return { gate, first, second, pid: Number(row?.pid), ended, created, admin: await day.session() }
}

for (const [title, command, code] of [
  ['Ctrl-C', 'pg_cancel_backend', '57014'],
  ['pg_terminate_backend', 'pg_terminate_backend', '57P01'],
] as const) {
  test.serial(`${title} frees the backend at once, and the download goes on for the other`, async (t) => {
    const { gate, first, second, pid, ended, created, admin } = await twoWait()
    const started = Date.now()
    await admin.query(`SELECT ${command}(${pid})`)
    t.is((await ended)?.code, code)
    // The download cannot end before the gate is opened: to be free at all is to be free before it.
    t.true(Date.now() - started < 5_000)
    if (code === '57014') t.deepEqual(await first.query('SELECT count(*)::int FROM pg_extension'), [{ count: 1 }])
    gate.open()
    t.is(await created, undefined)
    t.deepEqual(await second.query('SELECT answer()'), [{ answer: 42 }])
    t.is(day.repository.archivesAsked(), 1)
    await day.unharmed(t)
  })
}

test.serial('a download that nobody waits for any more serves whoever comes next', async (t) => {
  const { gate, first, second, pid, ended, created, admin } = await twoWait()
  const [row] = await admin.query(
    `SELECT count(pg_cancel_backend(pid))::int AS n FROM pg_stat_activity WHERE query = '${answer}' AND state = 'active'`,
  )
  t.is(row?.n, 2)
  t.truthy(pid)
  t.is((await ended)?.code, '57014')
  t.is((await created)?.code, '57014')
  gate.open()
  await installs(t, first)
  await installs(t, second)
  t.is(day.repository.archivesAsked(), 1)
  await day.unharmed(t)
})

test.serial('the server shuts down meanwhile, and the sidecar serves the next one', async (t) => {
  const { gate, ended, created } = await twoWait()
  const restarted = day.cluster.restart()
  t.is((await ended)?.code, '57P01')
  t.is((await created)?.code, '57P01')
  await restarted
  gate.open()
  await installs(t, await day.session())
  t.is(day.repository.archivesAsked(), 1)
  await day.unharmed(t)
})
