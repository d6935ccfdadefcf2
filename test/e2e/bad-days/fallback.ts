// The first repository is down. By default nobody else answers for its names: whoever cuts a connection would choose the
// provider. Where the settings say so the next one does, under the same policy, and only while the first has no index.
import test from 'ava'
import { answer, type BadDay, beginBadDay, installs, repositoryName } from '../../helpers/bad-day.ts'
import { serveUnreliably, type UnreliableRepository } from '../../helpers/unreliable-repository.ts'

let day: BadDay
let second: UnreliableRepository

test.before(async () => {
  day = await beginBadDay()
  second = await serveUnreliably()
  await second.add(day.archive)
  second.publish()
})
test.afterEach.always(async (t) => {
  await day.repository.start()
  await day.unharmed(t)
})
test.after.always(async () => {
  second?.close()
  await day?.close()
})

/** Two repositories, the first of which is down and was never seen. */
async function firstIsDown(fallback: 'yes' | 'no', settings: Record<string, string> = {}) {
  await day.repository.stop()
  await day.forget()
  day.configureRepository('second', second)
  day.configureRepository(repositoryName, day.repository, { fallback })
  day.configure({ repositories: `${repositoryName}, second`, ...settings })
  return day.session()
}

test.serial('by default its names are errors, short and full', async (t) => {
  const { errorOf } = await firstIsDown('no')
  for (const statement of [answer, 'CREATE EXTENSION answer']) {
    const error = await errorOf(statement)
    t.is(error?.code, '58030')
    t.is(error?.message, `could not reach repository ${repositoryName}`)
  }
})

test.serial('with fallback the next one serves them, and a notice and the record say so', async (t) => {
  const session = await firstIsDown('yes')
  await installs(t, session)
  t.true(session.notices.includes(`could not reach repository ${repositoryName}, the next one may stand in for it`))
  t.deepEqual(await session.query('SELECT repository FROM pginstall.installed'), [{ repository: 'second' }])
})

test.serial('with fallback policy holds all the same', async (t) => {
  const { errorOf } = await firstIsDown('yes', { deny: 'git.example/answer/*' })
  t.is((await errorOf(answer))?.code, '42501')
  t.is((await errorOf('CREATE EXTENSION answer'))?.code, '42501')
})

test.serial('what the next one lacks is an error of the one that is down', async (t) => {
  const { errorOf } = await firstIsDown('yes')
  const error = await errorOf('CREATE EXTENSION "git.example/other/other"')
  t.is(error?.code, '58030')
  t.is(error?.message, `could not reach repository ${repositoryName}`)
})

test.serial('as long as its last index is good, that says which names are its own', async (t) => {
  await day.forget()
  const before = await day.session()
  day.configureRepository('second', second)
  day.configureRepository(repositoryName, day.repository, { fallback: 'yes' })
  day.configure({ repositories: `${repositoryName}, second` })
  await installs(t, before)
  await day.repository.stop()
  const session = await day.session()
  await installs(t, session)
  t.deepEqual(await session.query('SELECT repository FROM pginstall.installed'), [{ repository: repositoryName }])
})

test.serial('a repository that cannot be trusted is not one that is down', async (t) => {
  await day.forget(({ response }) => response.end('rubbish'))
  day.configureRepository('second', second)
  day.configureRepository(repositoryName, day.repository, { fallback: 'yes' })
  day.configure({ repositories: `${repositoryName}, second` })
  t.is((await (await day.session()).errorOf(answer))?.code, 'PI003')
  await day.repository.stop()
})
