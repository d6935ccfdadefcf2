// The sidecar is killed at a step of its work on files: the extension is there whole or not at all, and the next CREATE
// EXTENSION works. A dozen steps, spread evenly; all of them with PGINSTALL_TEST_SWEEP=all, which goes on where it was
// interrupted.
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { packagePath } from '../../../src/adapters/package-root.ts'
import { type BadDay, beginBadDay } from '../../helpers/bad-day.ts'
import type { Session } from '../../helpers/cluster.ts'
import { pginstall } from '../../helpers/command.ts'
import { buildShim } from '../../helpers/shims.ts'

const isSweep = process.env.PGINSTALL_TEST_SWEEP === 'all'
const sweepTimeoutMs = 3 * 3_600_000
/** Each point starts two sidecars; a busy machine takes its time. */
const dozenTimeoutMs = 300_000
const points = 12
/** Fewer would not be an install with its index, dependency, scripts and module. */
const leastSteps = 200

let day: BadDay
let session: Session
let library: string

test.before(async () => {
  library = buildShim('die')
  day = await beginBadDay()
  const files = Object.fromEntries(
    Array.from({ length: 20 }, (_, at) => [`question--0.${at}--0.${at + 1}.sql`, `SELECT ${at};\n`]),
  )
  const question = {
    name: 'question',
    control: "requires = 'answer'",
    sql: 'CREATE FUNCTION question() RETURNS int4 LANGUAGE sql AS $$ SELECT answer() $$;',
    files,
  }
  await day.repository.add(day.build(question, '--requires', 'answer=git.example/answer/answer'))
  day.repository.publish()
  await day.sidecar.stop()
  session = await day.session()
})
test.after.always(() => day?.close())

const create = 'CREATE EXTENSION "git.example/question/question" CASCADE'
const drop = 'DROP EXTENSION IF EXISTS question, answer, pginstall CASCADE'
const present = `SELECT extname FROM pg_extension WHERE extname IN ('question', 'answer', 'pginstall')`

test.serial('killed at any step of an install, it leaves all or nothing, and the next one works', async (t) => {
  t.timeout(isSweep ? sweepTimeoutMs : dozenTimeoutMs)
  const steps = await countSteps(t)
  t.true(steps >= leastSteps, `${steps} steps`)
  const progress = packagePath('build/sweep.json')
  const done = isSweep ? recall(progress) : 0
  const every = isSweep ? 1 : Math.floor(steps / points)
  let killed = 0
  for (let step = done + 1; step <= steps; step += every) {
    if (await killAt(t, step)) killed++
    if (isSweep) {
      writeFileSync(progress, JSON.stringify({ done: step }))
      if (step % 20 === 0) t.log(`${step} of ${steps} steps`)
    }
  }
  // The last steps may be those of a copy of the index that was faster this time.
  t.true(killed >= 0.9 * Math.floor((steps - done) / every), `${killed} times killed`)
  if (isSweep) rmSync(progress)
  await day.unharmed(t)
})

/** Of a sidecar that starts with nothing and installs the extension. */
async function countSteps(t: ExecutionContext): Promise<number> {
  const counted = await startMortal(0)
  t.is(await session.errorOf(create), undefined)
  await day.sidecar.stop()
  await session.query(drop)
  return counted()
}

/** Whether the sidecar did die there. */
async function killAt(t: ExecutionContext, step: number): Promise<boolean> {
  for (const name of readdirSync(day.state)) rmSync(join(day.state, name), { recursive: true })
  const where = `killed at step ${step}`
  let started = true
  const counted = await startMortal(step).catch(() => {
    started = false
    return () => step
  })
  const error = await session.errorOf(create)
  if (started) await day.sidecar.stop()
  const died = counted() >= step
  if (error === undefined) await session.query(drop)
  else t.is(error.code, '58000', `${where}: ${error.message}`)
  t.deepEqual(await session.query(present), [], where)
  await day.startSidecar()
  t.is((await session.errorOf(create))?.message, undefined, where)
  t.deepEqual(await session.query('SELECT question()'), [{ question: 42 }], where)
  await day.unharmed(t)
  t.notThrows(() => pginstall(day.configDirectory, 'verify'), where)
  await session.query(drop)
  await day.sidecar.stop()
  return died
}

/** A sidecar that dies at that step, 0 for never; answers how many steps it has come. */
async function startMortal(step: number): Promise<() => number> {
  const counter = join(day.directory.path, 'steps')
  writeFileSync(counter, Buffer.alloc(4))
  chmodSync(counter, 0o666)
  await day.startSidecar({
    LD_PRELOAD: library,
    PGINSTALL_TEST_DIE_IN: `${day.state}/`,
    PGINSTALL_TEST_DIE_AT: String(step),
    PGINSTALL_TEST_DIE_COUNTER: counter,
  })
  return () => readFileSync(counter).readUInt32LE()
}

function recall(file: string): number {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { done: number }).done
  } catch {
    return 0
  }
}
