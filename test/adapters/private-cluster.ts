import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Database } from '../../src/adapters/database.ts'
import { readPgConfig } from '../../src/adapters/pg-config.ts'
import { openPrivateCluster, type PrivateCluster } from '../../src/adapters/private-cluster.ts'
import type { UserIds } from '../../src/adapters/privileges.ts'
import { PginstallError } from '../../src/model/errors.ts'
import { giveTo, isRoot, serviceUser, spawnAs } from '../helpers/os-users.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const owner = isRoot ? { owner: spawnAs(serviceUser) as UserIds } : {}

async function open(directory: string, signal = new AbortController().signal): Promise<PrivateCluster> {
  const { bindir } = await readPgConfig('pg_config', new AbortController().signal)
  return openPrivateCluster({ directory, bindir, signal, ...owner })
}

/** A place for a cluster, so far below a temporary directory. */
function makePlace(t: ExecutionContext, below = ''): string {
  const directory = makeTemporaryDirectory('cluster')
  t.teardown(() => directory.remove())
  return join(directory.make(join('data', below), serviceUser), 'postgresql')
}

async function count(cluster: PrivateCluster): Promise<number> {
  const database = new Database(cluster.address, () => {})
  await database.query('CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS one')
  await database.query('INSERT INTO t VALUES (1)')
  const [found] = await database.query<{ count: number }>('SELECT count(*) FROM t')
  await database.close()
  return found?.count ?? 0
}

function postmasterPid(place: string): number {
  return Number(readFileSync(join(place, 'data', 'postmaster.pid'), 'utf8').split('\n')[0])
}

test('is made once and opened again', async (t) => {
  const place = makePlace(t)
  const first = await open(place)
  t.is(await count(first), 2)
  t.is(statSync(first.address.socketDirectory).mode & 0o777, 0o700)
  await first.close()
  const second = await open(place)
  t.is(await count(second), 3)
  await second.close()
  t.false(readdirSync(join(place, 'data')).includes('postmaster.pid'))
})

test('comes back from kill -9 of all of it with what was committed', async (t) => {
  const place = makePlace(t)
  const first = await open(place)
  await count(first)
  process.kill(postmasterPid(place), 'SIGKILL')
  await first.lost
  const second = await open(place)
  t.is(await count(second), 3)
  await second.close()
})

test('a server that a predecessor left behind is stopped', async (t) => {
  const place = makePlace(t)
  const first = await open(place)
  const second = await open(place)
  await first.lost
  t.is(await count(second), 2)
  await second.close()
})

test('a lock file that names a stranger is nothing to him or to us', async (t) => {
  const place = makePlace(t)
  const first = await open(place)
  const lockFile = readFileSync(join(place, 'data', 'postmaster.pid'), 'utf8')
  await first.close()
  const stranger = spawn('sleep', ['60'], spawnAs(serviceUser))
  t.teardown(() => stranger.kill())
  writeFileSync(join(place, 'data', 'postmaster.pid'), lockFile.replace(/^[0-9]+/, String(stranger.pid)))
  if (isRoot) giveTo(serviceUser, join(place, 'data', 'postmaster.pid'))
  const second = await open(place)
  t.is(await count(second), 2)
  await second.close()
  t.is(stranger.signalCode, null)
})

test('half a cluster is made anew', async (t) => {
  const place = makePlace(t)
  mkdirSync(join(place, 'data.new'), { recursive: true })
  writeFileSync(join(place, 'data.new', 'PG_VERSION'), '15')
  if (isRoot) giveTo(serviceUser, place)
  const cluster = await open(place)
  t.is(await count(cluster), 2)
  await cluster.close()
})

test('a socket that its path is too long for is elsewhere, in private', async (t) => {
  const place = makePlace(t, 'a'.repeat(60))
  const cluster = await open(place)
  t.false(cluster.address.socketDirectory.startsWith(dirname(place)))
  t.is(statSync(cluster.address.socketDirectory).mode & 0o777, 0o700)
  t.is(await count(cluster), 2)
  await cluster.close()
  t.throws(() => statSync(cluster.address.socketDirectory), { code: 'ENOENT' })
})

test('a cluster of another major is left alone', async (t) => {
  const place = makePlace(t)
  await (await open(place)).close()
  writeFileSync(join(place, 'data', 'PG_VERSION'), '9\n')
  const error = await t.throwsAsync(open(place), { instanceOf: PginstallError })
  t.regex(error.message, /needs PostgreSQL 9/)
})

test('a start that is canceled leaves nothing running', async (t) => {
  const place = makePlace(t)
  await (await open(place)).close()
  const error = await t.throwsAsync(open(place, AbortSignal.abort()), { instanceOf: PginstallError })
  t.true(error.is('query_canceled'))
  t.false(readdirSync(join(place, 'data')).includes('postmaster.pid'))
})
