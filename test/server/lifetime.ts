// What outlives a server, and what time does to it.
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { readPgConfig } from '../../src/adapters/pg-config.ts'
import { PginstallError } from '../../src/model/errors.ts'
import { parseTopIndex, type TopIndex } from '../../src/model/index.ts'
import { openIndex } from '../../src/model/signature.ts'
import { startCluster } from '../helpers/cluster.ts'
import { repositoryUser } from '../helpers/os-users.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'
import { makeArchive } from './helpers/archives.ts'
import { patienceMs, postmasterOf, until } from './helpers/processes.ts'
import { problem, startServer, type TestServer } from './helpers/repository-server.ts'

async function currentIndex(t: ExecutionContext, server: TestServer): Promise<TopIndex> {
  const answer = await server.ask(t, '/index/current.json')
  return parseTopIndex(openIndex(answer.body.toString(), [server.publicKey]))
}

test('a restart keeps everything', async (t) => {
  const first = await startServer()
  const archive = makeArchive({ fullName: 'x.example/y/kept' })
  const { headers } = await first.upload(t, archive)
  const before = await currentIndex(t, first)
  await first.close()
  const second = await startServer({}, first.directory)
  t.deepEqual([second.publicKey, second.authorization], [first.publicKey, first.authorization])
  t.deepEqual(await currentIndex(t, second), before)
  t.deepEqual((await second.ask(t, String(headers.location))).body, archive.bytes)
  t.is((await second.upload(t, archive)).status, 200)
  await second.close()
  second.directory.remove()
})

test('keys and token are for their owner only', async (t) => {
  const server = await startServer()
  for (const file of ['signing-key.pem', 'admin-token'])
    t.is(statSync(join(server.dataDirectory, file)).mode & 0o777, 0o600)
  t.is(statSync(server.dataDirectory).mode & 0o777, 0o700)
  await server.close()
  const loose = join(server.dataDirectory, 'signing-key.pem')
  chmodSync(loose, 0o644)
  const error = await t.throwsAsync(startServer({}, server.directory), { instanceOf: PginstallError })
  t.regex(error.message, /has group or world access/)
  server.directory.remove()
})

test('a data directory has one server', async (t) => {
  const server = await startServer()
  const error = await t.throwsAsync(startServer({}, server.directory), { instanceOf: PginstallError })
  t.true(error.is('duplicate_object'))
  t.is((await server.ask(t, '/status')).status, 200, 'the one that runs is not disturbed')
  await server.close()
  t.false(existsSync(join(server.dataDirectory, 'server.json')))
  server.directory.remove()
})

test('the index is signed anew before it expires, and its version grows', async (t) => {
  const server = await startServer({ indexPeriodMs: 8000 })
  const seen = [await currentIndex(t, server)]
  await until(async () => {
    const index = await currentIndex(t, server)
    t.true(Date.parse(index.expires) > Date.now(), 'it never expires')
    if (index.version !== seen.at(-1)?.version) seen.push(index)
    return seen.length === 3
  })
  t.true(seen.every(({ version }, i) => i === 0 || version > (seen[i - 1]?.version ?? 0)))
  await server.close()
  server.directory.remove()
})

test('a shorter time to expiry holds from the next start on', async (t) => {
  const first = await startServer()
  const before = await currentIndex(t, first)
  await first.close()
  const second = await startServer({ indexPeriodMs: 3_600_000 }, first.directory)
  const after = await currentIndex(t, second)
  t.true(after.version > before.version)
  t.is(Date.parse(after.expires) - Date.parse(after.published), 3_600_000)
  await second.close()
  second.directory.remove()
})

test('a new key signs the index at once', async (t) => {
  const first = await startServer()
  await first.close()
  rmSync(join(first.dataDirectory, 'signing-key.pem'))
  const second = await startServer({}, first.directory)
  t.not(second.publicKey, first.publicKey)
  t.is((await currentIndex(t, second)).index, 1)
  await second.close()
  second.directory.remove()
})

test('what killed uploads have left goes away, what is being uploaded stays', async (t) => {
  const first = await startServer()
  await first.close()
  const incoming = join(first.dataDirectory, 'archives', 'incoming')
  for (const name of ['old', 'new']) writeFileSync(join(incoming, name), 'half')
  const yesterday = new Date(Date.now() - 86_400_000)
  utimesSync(join(incoming, 'old'), yesterday, yesterday)
  const second = await startServer({}, first.directory)
  t.deepEqual([existsSync(join(incoming, 'old')), existsSync(join(incoming, 'new'))], [false, true])
  await second.close()
  second.directory.remove()
})

test('reports the loss of its private cluster', async (t) => {
  const server = await startServer()
  process.kill(postmasterOf(server.dataDirectory), 'SIGQUIT')
  await server.lost
  problem(t, await server.ask(t, '/list/extensions/'), 503, '58030')
  await server.close()
  server.directory.remove()
})

test('uses the database of dburi, which several servers may share', async (t) => {
  const directory = makeTemporaryDirectory('shared')
  const cluster = await startCluster(directory, await readPgConfig('pg_config', AbortSignal.timeout(patienceMs)))
  const dburi = `postgresql://postgres@/postgres?host=${encodeURIComponent(cluster.socketDirectory)}`
  const shared = { dburi, archivePath: directory.make('archives', repositoryUser) }
  const one = await startServer({ ...shared, dataDirectory: join(directory.path, 'one') }, directory)
  t.false(existsSync(join(one.dataDirectory, 'postgresql')))
  mkdirSync(join(directory.path, 'two'))
  copyFileSync(join(one.dataDirectory, 'signing-key.pem'), join(directory.path, 'two', 'signing-key.pem'))
  const two = await startServer({ ...shared, dataDirectory: join(directory.path, 'two') }, directory)
  const archives = [1, 2, 3, 4].map((build) => makeArchive({ fullName: 'x.example/y/shared', build }))
  const answers = await Promise.all(archives.map((archive, i) => (i % 2 === 0 ? one : two).upload(t, archive)))
  t.deepEqual(
    answers.map(({ status }) => status),
    [201, 201, 201, 201],
  )
  t.deepEqual(await currentIndex(t, one), await currentIndex(t, two))
  for (const { headers } of answers) t.is((await two.ask(t, String(headers.location))).status, 200)
  await one.close()
  await two.close()
  await cluster.stop()
  directory.remove()
})
