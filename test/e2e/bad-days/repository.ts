// The repository is slow, broken, cut short, going in circles, up and down, or gone; or a clock is wrong.
import test from 'ava'
import { answer, type BadDay, beginBadDay, installs } from '../../helpers/bad-day.ts'
import { buildShim } from '../../helpers/shims.ts'
import {
  type Behaviour,
  behindIndex,
  circular,
  failing,
  flapping,
  onArchives,
  shortened,
  stalling,
  truncating,
  well,
} from '../../helpers/unreliable-repository.ts'

let day: BadDay

test.before(async () => {
  day = await beginBadDay()
})
test.afterEach.always((t) => day.unharmed(t))
test.after.always(() => day?.close())

const unreachable = /^could not reach repository weak$/
const untrusted = /^could not trust repository weak/

const failures: [string, Behaviour, string, RegExp, RegExp][] = [
  ['answering 500', failing, '58030', unreachable, /status 500/],
  ['answering 500 for the index of a name', behindIndex(failing), '58030', unreachable, /status 500/],
  ['truncating', truncating, '58030', unreachable, /./],
  ['redirecting in a circle', circular, '58030', unreachable, /redirect/i],
  ['sending half a document as if it were all', shortened, 'PI003', untrusted, /./],
  ['sending half an archive', onArchives(truncating), '58030', unreachable, /./],
  [
    'sending half an archive as if it were all',
    onArchives(shortened),
    'PI003',
    /is not what the signed index says/,
    /./,
  ],
  ['answering 500 for archives', onArchives(failing), '58030', unreachable, /status 500/],
]

for (const [title, behaviour, code, message, detail] of failures) {
  test.serial(`${title}: an error that says so, and the next statement works`, async (t) => {
    await day.forget(behaviour)
    const session = await day.session()
    const error = await session.errorOf(answer)
    t.is(error?.code, code, `${error?.message}: ${error?.detail}`)
    t.regex(error?.message ?? '', message)
    t.regex(error?.detail ?? error?.hint ?? '', detail)
    day.repository.behave(well)
    await installs(t, session)
  })
}

test.serial('silent: after stall_timeout it counts as gone', async (t) => {
  await day.forget()
  day.configure({ stall_timeout: '1s' })
  await day.sidecar.stop()
  await day.startSidecar()
  const session = await day.session()
  day.repository.behave(onArchives(stalling))
  const error = await session.errorOf(answer)
  t.is(error?.code, '58030', error?.message)
  t.regex(error?.message ?? '', unreachable)
  day.repository.behave(well)
  await installs(t, session)
})

test.serial('flapping: every statement ends, and trying again succeeds', async (t) => {
  await day.forget(flapping())
  const session = await day.session()
  let attempts = 0
  for (;;) {
    const error = await session.errorOf(answer)
    if (error === undefined) break
    t.is(error.code, '58030', error.message)
    if (++attempts > 10) return t.fail('never succeeded')
  }
  t.deepEqual(await session.query('SELECT answer()'), [{ answer: 42 }])
})

test.serial('gone: what is in the store is still created, with a notice', async (t) => {
  await day.forget()
  await installs(t, await day.session())
  await day.repository.stop()
  try {
    const session = await day.session()
    await installs(t, session)
    t.true(session.notices.some((notice) => notice.startsWith('could not update repository weak, using its index of')))
  } finally {
    await day.repository.start()
  }
})

for (const [title, seconds, message] of [
  ['ahead makes indexes expired', 86_400 * 365, /index has expired/],
  ['behind makes them come from the future', -86_400, /index is from the future/],
] as const) {
  test.serial(`a clock that is ${title}, and the error says to check it`, async (t) => {
    await day.forget()
    await day.sidecar.stop()
    await day.startSidecar({ LD_PRELOAD: buildShim('clock'), PGINSTALL_TEST_CLOCK: String(seconds) })
    // What the first one has learnt is older than what is published now.
    day.repository.publish()
    const session = await day.session()
    const error = await session.errorOf(answer)
    t.is(error?.code, 'PI003')
    t.regex(error?.message ?? '', message)
    t.regex(error?.hint ?? '', /clock/)
    await day.sidecar.stop()
    await day.startSidecar()
    await installs(t, session)
  })
}
