// A session that lives long: 100,000 statements of every kind that the hook takes part in, or lets pass, leave its
// memory as it was.
import { readFileSync } from 'node:fs'
import test from 'ava'
import type { Session } from '../helpers/cluster.ts'
import { answers, type Scene, setScene } from '../pgext/helpers/scripted-sidecar.ts'

const rounds = 20
/** Statements of one round. What is asked of the sidecar and what is created is a few hundred times as dear. */
const counts = { passed: 3000, present: 1780, refused: 200, created: 20 }
/** Before the first measurement: caches fill, the allocator finds its size. */
const warmUpRounds = 4
/** Room for the allocator's own habits; a leak of ten bytes a statement is more. */
const maxGrowthKiB = 768

let scene: Scene

test.before(async () => {
  scene = await setScene()
})

test.after.always(() => scene?.close())

test('100,000 statements leave a session’s memory as it was', async (t) => {
  t.is(rounds * Object.values(counts).reduce((a, b) => a + b), 100_000)
  const session = await scene.cluster.connect()
  const [{ pid } = {}] = await session.query('SELECT pg_backend_pid() AS pid')
  await session.query('CREATE EXTENSION pginstall')
  const result = scene.place('thing', 'CREATE FUNCTION thing() RETURNS int4 LANGUAGE sql AS $$ SELECT 1 $$;')
  const sizes: number[] = []
  for (let round = 0; round < warmUpRounds + rounds; round++) {
    await run(session, result)
    sizes.push(anonymousKiB(pid as number))
  }
  t.log(`KiB after each round: ${sizes.join(' ')}`)
  t.true((sizes.at(-1) as number) - (sizes[warmUpRounds - 1] as number) <= maxGrowthKiB, sizes.join(' '))
})

async function run({ query, errorOf }: Session, result: object): Promise<void> {
  await query(`SET application_name = 'neighbour';`.repeat(counts.passed))
  await query('CREATE EXTENSION IF NOT EXISTS plpgsql;'.repeat(counts.present))
  scene.sidecar.behave(answers({ error: { sqlstate: '42704', message: 'no such extension' } }))
  for (let i = 0; i < counts.refused; i++) await errorOf('CREATE EXTENSION "x.example/absent"')
  scene.sidecar.behave(answers({ result }))
  for (let i = 0; i < counts.created / 2; i++) {
    await query('CREATE EXTENSION "x.example/thing"')
    await query('DROP EXTENSION thing')
  }
}

/** What the process holds for itself alone: shared buffers, which fill, are not in it. */
function anonymousKiB(pid: number): number {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}
