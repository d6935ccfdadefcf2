// What list shows and gc removes, on a real cluster: whatever somebody may still need stays.
import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { packagePath } from '../../src/adapters/package-root.ts'
import { verifyStore } from '../../src/install/verify-store.ts'
import { answer, type BadDay, beginBadDay, installs } from '../helpers/bad-day.ts'
import type { Session } from '../helpers/cluster.ts'
import { pginstall, runPginstall } from '../helpers/command.ts'
import { buildShim } from '../helpers/shims.ts'

type Archive = { full_name: string; version: string; digest: string; path: string; reasons: string[] }
type Collected = { removed: Archive[]; freed_bytes: number; kept: Archive[] }
type Listed = { archives: (Archive & { databases: { target: string; database: string }[] })[] }

let day: BadDay

test.before(async () => {
  day = await beginBadDay({ max_prepared_transactions: '2' })
  for (const name of ['one', 'two']) {
    const sql = `CREATE FUNCTION ${name}() RETURNS int LANGUAGE sql AS 'SELECT 1';`
    // A file that is the same in both.
    const files = { [`${name}--0.1--0.2.sql`]: 'SELECT 1;\n'.repeat(1000) }
    await day.repository.add(day.build({ name, sql, files }))
  }
  day.repository.publish()
})
test.beforeEach(() => day.forget())
test.afterEach.always(async (t) => {
  await day.unharmed(t)
  const databases = day.cluster.psql(`SELECT datname FROM pg_database WHERE datname ~ '^d[0-9]+$'`, { args: ['-At'] })
  for (const name of databases.output.trim().split('\n').filter(Boolean)) {
    t.regex(day.cluster.psql(`DROP DATABASE ${name} WITH (FORCE)`).output, /DROP DATABASE/)
  }
})
test.after.always(() => day?.close())

const create = (name: string) => `CREATE EXTENSION "git.example/${name}/${name}"`
const role = ['--role', 'postgres']

function gc(...args: string[]): Collected {
  return JSON.parse(pginstall(day.configDirectory, 'gc', ...role, '--json', ...args))
}

function list(): Listed['archives'] {
  return (JSON.parse(pginstall(day.configDirectory, 'list', ...role, '--json')) as Listed).archives
}

function names(archives: Archive[]): string[] {
  return archives.map(({ full_name }) => full_name.split('/').at(-1) as string)
}

/** Nothing is removed, for this reason. */
function isKept(t: ExecutionContext, reason: RegExp): void {
  const { removed, kept } = gc()
  t.deepEqual(removed, [], reason.source)
  t.true(kept.length > 0, reason.source)
  for (const { reasons } of kept) t.regex(reasons.join(' '), reason)
}

/** Whatever its processes have mapped is mapped no more. */
async function end(session: Session): Promise<void> {
  const [{ pid } = {}] = await session.query('SELECT pg_backend_pid() AS pid')
  await session.client.end()
  while (existsSync(`/proc/${pid}`)) await new Promise(setImmediate)
}

/** Of all files below the sidecar's directory; one with several names counts once. */
function bytesBelow(): number {
  const lines = execFileSync('find', [day.state, '-type', 'f', '-printf', '%i %s\n'], { encoding: 'utf8' })
  const sizes = new Map(
    lines
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string]),
  )
  return [...sizes.values()].reduce((sum, size) => sum + Number(size), 0)
}

test.serial(
  'list shows what is there and who uses it; gc removes what nobody does, and says what it freed',
  async (t) => {
    const [first, second] = [await day.session(), await day.session()]
    const [one, other] = await Promise.all([first, second].map(async ({ client }) => client.database))
    await installs(t, first)
    await first.query(create('one'))
    await second.query(create('one'))
    await second.query(create('two'))
    const listed = list()
    t.deepEqual(names(listed), ['answer', 'one', 'two'])
    t.deepEqual(
      listed.map(({ databases }) => databases.map(({ database }) => database)),
      [[one], [one, other], [other]],
    )
    t.regex(
      pginstall(day.configDirectory, 'list', ...role),
      new RegExp(`^git\\.example/one/one +1\\.0 +any +[0-9.]+ kB +[0-9a-f]{12} +main/${one}, main/${other}$`, 'm'),
    )
    t.deepEqual(gc().removed, [])

    await second.query('DROP EXTENSION two')
    const dry = gc('--dry-run')
    t.deepEqual(names(dry.removed), ['two'])
    t.is(list().length, 3)
    const before = bytesBelow()
    const { removed, freed_bytes: freed } = gc()
    t.deepEqual(removed, dry.removed)
    t.is(freed, dry.freed_bytes)
    t.true(freed > 100 && freed < 8000, `${freed} bytes: the file of both is still there`)
    // With the control file of its extension root.
    t.true(before - bytesBelow() >= freed && before - bytesBelow() < freed + 1000)
    t.deepEqual(names(list()), ['answer', 'one'])
    t.is(readdirSync(join(day.state, 'main', 'roots')).length, 2)
    t.notThrows(() => pginstall(day.configDirectory, 'verify'))
    await second.query(create('two'))
    t.deepEqual(await second.query('SELECT two()'), [{ two: 1 }])
  },
)

test.serial('what a process has loaded stays as long as it runs; then nothing of it is left', async (t) => {
  const [user, owner] = [await day.session(), await day.session()]
  await installs(t, user)
  await user.query('DROP EXTENSION answer')
  isKept(t, /^A process has it loaded\.$/)
  t.deepEqual(await user.query(`${answer}; DROP EXTENSION answer; SELECT 1 AS one`).then(() => gc().removed), [])
  await end(user)
  t.deepEqual(names(gc().removed), ['answer'])
  for (const folder of ['main/lib', 'main/roots', 'store', 'files']) {
    t.deepEqual(readdirSync(join(day.state, folder)), [], folder)
  }
  await installs(t, owner)
})

test.serial('what is not committed counts, prepared or not', async (t) => {
  const [session, other] = [await day.session(), await day.session()]
  await session.query(`BEGIN; ${create('one')}`)
  isKept(t, /^A transaction of target "main" that may have created it is still open\.$/)
  await session.query(`SELECT one(); PREPARE TRANSACTION 'slow'`)
  isKept(t, /^Target "main" may use it: transaction 'slow' in database "d[0-9]+" is prepared\.$/)
  await session.query(`ROLLBACK PREPARED 'slow'`)
  // Began before, and has nothing to do with it: nobody can see that.
  await other.query('BEGIN; SELECT 1')
  await session.query(`${create('two')}; DROP EXTENSION two`)
  isKept(t, /still open/)
  await other.query('COMMIT')
  t.deepEqual(names(gc().removed), ['one', 'two'])
})

test.serial(
  'databases that cannot be asked, settings that name a module, and clusters that are down are users',
  async (t) => {
    const session = await day.session()
    const admin = await day.cluster.connect()
    await session.query(`${create('one')}; ${answer}`)
    const { database } = session.client
    await end(session)
    await admin.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`)
    isKept(t, new RegExp(`^Target "main" may use it: database "${database}" allows no connection\\.$`))
    await admin.query(`DROP DATABASE ${database}`)

    const [name] = readdirSync(join(day.state, 'main', 'lib'))
    await admin.query(`ALTER ROLE postgres SET session_preload_libraries = 'pginstall, ${name?.replace('.so', '')}'`)
    const { kept, removed } = gc('--dry-run')
    t.deepEqual([names(removed), names(kept)], [['one'], ['answer']])
    t.deepEqual(kept[0]?.reasons, ['Settings or replication slots of target "main" name its module.'])
    await admin.query('ALTER ROLE postgres RESET session_preload_libraries')

    await day.cluster.stop()
    isKept(t, /^Target "main" may use it: /)
    await day.cluster.restart()
    mkdirSync(join(day.state, 'forgotten', 'lib'), { recursive: true })
    isKept(t, /^Target "forgotten" may use it: no settings tell of it; if it is no more, remove \/.*\/forgotten\.$/)
    execFileSync('rm', ['-r', join(day.state, 'forgotten')])
    t.deepEqual(names(gc().removed), ['answer', 'one'])
  },
)

test.serial('functions need their module where nothing is recorded, and the newest one', async (t) => {
  const session = await day.session()
  await session.query(answer)
  await session.query('DROP EXTENSION pginstall')
  const [listed] = list()
  t.is(listed?.databases.length, 1)
  await end(session)
  t.deepEqual(gc().removed, [])
})

test.serial('what a stranger has put into a database is not run by who looks into it', async (t) => {
  const session = await day.session()
  await session.query(`CREATE ROLE trapper; CREATE TABLE caught (who text); GRANT INSERT ON caught TO PUBLIC;
    GRANT CREATE ON SCHEMA public TO trapper; CREATE SCHEMA pginstall AUTHORIZATION trapper; SET ROLE trapper;
    CREATE FUNCTION public.trap() RETURNS text LANGUAGE sql AS 'INSERT INTO public.caught VALUES (current_user) RETURNING who';
    CREATE VIEW pginstall.record AS SELECT public.trap() AS full_name, '' AS version, '' AS digest, '' AS name, 0::oid AS extension;
    CREATE FUNCTION public.lower(name) RETURNS text LANGUAGE sql AS 'SELECT public.trap()'; RESET ROLE`)
  gc()
  list()
  t.deepEqual(await session.query('SELECT * FROM caught'), [])
  await session.query('RESET ROLE; DROP OWNED BY trapper; DROP ROLE trapper')
})

test.serial('an install at the moment of a removal finds what it needs, or fetches it again', async (t) => {
  const session = await day.session()
  const env = { ...process.env, PGINSTALL_CONFIG_DIR: day.configDirectory }
  const args = [packagePath('dist/src/cli/main.js'), 'gc', ...role, '--json']
  let removals = 0
  for (let round = 0; round < 3; round++) {
    await session.query(`${create('one')}; ${create('two')}`)
    await session.query('DROP EXTENSION one, two')
    const watcher = watch(join(day.state, 'incoming'))
    const begins = once(watcher, 'change')
    const collected = promisify(execFile)(process.execPath, args, { env })
    await begins
    watcher.close()
    await session.query(`${create('one')}; ${create('two')}`)
    t.deepEqual(await session.query('SELECT one() + two() AS sum'), [{ sum: 2 }])
    await session.query('DROP EXTENSION one, two')
    removals += (JSON.parse((await collected).stdout) as Collected).removed.length
  }
  t.true(removals > 0, 'something was removed under the installs')
  t.notThrows(() => pginstall(day.configDirectory, 'verify'))
})

const isSweep = process.env.PGINSTALL_TEST_SWEEP === 'all'
const points = 3

test.serial('killed at any step, it leaves the store sound, and the next one finishes', async (t) => {
  t.timeout(isSweep ? 3_600_000 : 300_000)
  const session = await day.session()
  await session.query(`${create('one')}; ${create('two')}; ${answer}; DROP EXTENSION two, answer`)
  const { database } = session.client
  await end(session)
  const keeper = await day.cluster.connect({ database: database as string })
  await day.sidecar.stop()
  const [full, library, counter] = [
    join(day.directory.path, 'full'),
    buildShim('die'),
    join(day.directory.path, 'steps'),
  ]
  execFileSync('cp', ['-a', day.state, full])
  const tree = () => readdirSync(day.state, { recursive: true, encoding: 'utf8' }).toSorted()
  const restore = () => execFileSync('sh', ['-c', 'rm -rf "$1"/* && cp -a "$2"/. "$1"', 'sh', day.state, full])
  const collect = (at: number) => {
    writeFileSync(counter, Buffer.alloc(4))
    chmodSync(counter, 0o666)
    runPginstall(day.configDirectory, ['gc', ...role], 60_000, {
      LD_PRELOAD: library,
      PGINSTALL_TEST_DIE_IN: `${day.state}/`,
      PGINSTALL_TEST_DIE_AT: String(at),
      PGINSTALL_TEST_DIE_COUNTER: counter,
    })
    return readFileSync(counter).readUInt32LE()
  }
  t.deepEqual(names(gc('--dry-run').removed), ['answer', 'two'])
  const steps = collect(0)
  const clean = tree()
  t.true(steps >= 20, `${steps} steps`)
  t.false(clean.some((path) => /answer|two/.test(path)))
  for (let at = 1; at <= steps; at += isSweep ? 1 : Math.ceil(steps / points)) {
    restore()
    t.is(collect(at), at)
    const { faults } = await verifyStore(day.state, { signal: AbortSignal.timeout(60_000), onArchive: () => undefined })
    t.deepEqual(faults, [], `killed at step ${at}`)
    gc()
    t.deepEqual(tree(), clean, `killed at step ${at}`)
  }
  t.deepEqual(await keeper.query('SELECT one()'), [{ one: 1 }])
  await day.startSidecar()
})
