// What a repository's key holder can do to the sidecars that mirror it: nothing but to its own names.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { createHttpClient } from '../../src/adapters/http-client.ts'
import { createLog } from '../../src/adapters/log.ts'
import { LocalMachine } from '../../src/adapters/machine.ts'
import { readPolicy } from '../../src/adapters/policy-settings.ts'
import { RepositoryClient } from '../../src/adapters/repository-client.ts'
import { type NameIndex, nameIndexPath, type TopIndex } from '../../src/model/index.ts'
import { isPossible, type Policy } from '../../src/model/policy.ts'
import { search } from '../../src/sidecar/handlers/search.ts'
import { status } from '../../src/sidecar/handlers/status.ts'
import { IndexMirror } from '../../src/sidecar/index-mirror.ts'
import { type StaticRepository, serveStaticRepository } from '../helpers/static-repository.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const { signal } = new AbortController()
const http = createHttpClient({ connectTimeoutMs: 5000, stallTimeoutMs: 60_000 })
const server = { version_num: 150000, abi_extra: '', block_size: 8192, wal_block_size: 8192, assertions: false }

const nothing = { list: [], place: 'nowhere' }
const everything: Policy = { allow: { list: ['**'], place: 'nowhere' }, deny: nothing, pins: nothing, grants: nothing }

type Setting = { repository: StaticRepository; client: RepositoryClient; directory: string }

async function setUp(t: ExecutionContext): Promise<Setting> {
  const temporary = makeTemporaryDirectory('mirror')
  const repository = await serveStaticRepository()
  t.teardown(() => {
    repository.close()
    temporary.remove()
  })
  const directory = join(temporary.path, 'repositories')
  const client = clientOf(repository.uri, [repository.publicKey], temporary.path)
  return { repository, client, directory }
}

function clientOf(uri: string, keys: string[], state: string, name = 'main'): RepositoryClient {
  const settings = { name, uri, keys, unsigned: false, fallback: false, caFile: '', proxy: '' }
  return new RepositoryClient(settings, { directory: join(state, 'repositories'), work: join(state, 'incoming'), http })
}

function nameIndex(name: string, descriptions: string[]): NameIndex {
  const archives = [archiveOf(name)]
  const extensions = descriptions.map((description, n) => ({
    full_name: `x.example/y${n}/${name}`,
    description,
    releases: [
      { version: '1.0', yanked: false, archives: archives.map(({ file, ...rest }) => ({ ...rest, file: file(n) })) },
    ],
  }))
  return { index: 1, name, extensions }
}

function archiveOf(name: string) {
  const file = (n: number) => `x.example+y${n}+${name}--1.0--any--1.tar.gz`
  return { file, build: 1, size: 1, sha256: 'a'.repeat(64), postgresql: null, os: null, needs: null, requires: [] }
}

/** Publishes the files, each under its name or under those given. */
function publish(repository: StaticRepository, files: NameIndex[], also: string[] = []): void {
  repository.publish({
    amend: (top: TopIndex) => {
      const names: Record<string, string> = {}
      for (const index of files) {
        const text = JSON.stringify(index)
        const digest = createHash('sha256').update(text).digest('hex')
        repository.files.set(nameIndexPath(digest), text)
        for (const name of [index.name, ...also]) names[name] = digest
      }
      return { ...top, names }
    },
  })
}

async function namesOf(client: RepositoryClient, maxBytes?: number): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of client.knownNames(signal, maxBytes)) names.push(name)
  return names
}

test('a file that many names lead to is read once, and is of its own name only', async (t) => {
  const { repository, client } = await setUp(t)
  publish(
    repository,
    [nameIndex('big', ['x'])],
    Array.from({ length: 1200 }, (_, n) => `alias${n}`),
  )
  const index = await client.refresh(signal, new Date())
  await client.lookUp(index, 'big', signal)
  t.deepEqual(await namesOf(client), ['big'])
  await t.throwsAsync(client.mirror(index, signal), { message: /could not trust repository main: index gives for/ })
})

test('reading stops at a limit, and a mirror at one of its own', async (t) => {
  const { repository, client, directory } = await setUp(t)
  const names = Array.from({ length: 40 }, (_, n) => `n${n}`)
  publish(
    repository,
    names.map((name) => nameIndex(name, ['x'.repeat(4000)])),
  )
  const index = await client.refresh(signal, new Date())
  const error = await t.throwsAsync(
    client.mirror(index, signal, () => true, 65_536),
    { message: /takes more than 65536 bytes/ },
  )
  t.like(error, { sqlstate: '54000' })
  const kept = readdirSync(join(directory, 'main', 'names')).length
  t.true(kept >= 8 && kept <= 24, `${kept} files`)
  await client.mirror(index, signal)
  t.is((await namesOf(client)).length, 40)
  t.true((await namesOf(client, 20_000)).length < 5)
})

test('a file over its limit is not taken', async (t) => {
  const { repository, client } = await setUp(t)
  publish(repository, [
    nameIndex(
      'huge',
      Array.from({ length: 1100 }, () => 'x'.repeat(4000)),
    ),
  ])
  const index = await client.refresh(signal, new Date())
  await t.throwsAsync(client.lookUp(index, 'huge', signal), { message: /could not transfer/ })
})

test('names that policy cannot allow are not fetched, and go when it allows them no more', async (t) => {
  const { repository, client } = await setUp(t)
  publish(repository, [nameIndex('wanted', ['x']), nameIndex('other', ['x'])])
  const index = await client.refresh(signal, new Date())
  const allowed = (...list: string[]) => ({ ...everything, allow: { list, place: 'nowhere' } })
  const mirror = async (policy: Policy) => {
    await client.mirror(index, signal, (short) => isPossible(short, policy))
    return (await namesOf(client)).toSorted()
  }
  t.deepEqual(await mirror(allowed('x.example/y0/wanted')), ['wanted'])
  t.is(repository.requests.length, 2)
  t.deepEqual(await mirror(allowed('x.example/*/other', 'nobody.example/**')), ['other', 'wanted'])
  t.deepEqual(await mirror(allowed('x.example/*/other')), ['other'])
  t.deepEqual(await mirror(allowed()), [])
})

test('what the index names no more does not stay on the disk', async (t) => {
  const { repository, client, directory } = await setUp(t)
  for (const description of ['old', 'new']) {
    publish(repository, [nameIndex('x', [description])])
    await client.mirror(await client.refresh(signal, new Date()), signal)
  }
  t.is(readdirSync(join(directory, 'main', 'names')).length, 1)
})

test('what a repository has is for no other OS user to read', async (t) => {
  const { repository, client, directory } = await setUp(t)
  publish(repository, [nameIndex('x', ['private'])])
  await client.mirror(await client.refresh(signal, new Date()), signal)
  for (const path of [directory, join(directory, 'main')]) t.is(statSync(path).mode & 0o777, 0o700, path)
})

test('an answer to a search stays below the longest line', async (t) => {
  const { repository, client } = await setUp(t)
  publish(repository, [
    nameIndex(
      'x',
      Array.from({ length: 300 }, () => 'é'.repeat(4096)),
    ),
  ])
  await client.mirror(await client.refresh(signal, new Date()), signal)
  const service = { machine: new LocalMachine(), repositories: [client], policy: readPolicy([]) }
  const notices: string[] = []
  const reply = { signal, notify: (notice: string) => notices.push(notice), warn: () => t.fail() }
  const result = await search({ request: 'search', server, text: '' }, service, reply)
  t.true(result.extensions.length > 100 && result.extensions.length < 300)
  t.is(result.extensions.length + result.more, 300)
  t.deepEqual(notices, [`${result.more} extensions more than the ${result.extensions.length} shown: narrow the words`])
  t.true(Buffer.byteLength(JSON.stringify({ result })) < 1024 * 1024)
})

test('status tells times that PostgreSQL takes', async (t) => {
  const { repository, client, directory } = await setUp(t)
  repository.publish({ expires: '2999-02-30T00:00:00Z' })
  await client.refresh(signal, new Date())
  await client.indexKept()
  t.like(await status({ name: 'main', directory, repositories: [client] }), {
    repositories: [{ expires: '2999-03-02T00:00:00.000Z' }],
  })
})

/** Answers two bytes a second, for ever. */
async function serveDrops(t: ExecutionContext): Promise<string> {
  const dripping = createServer((_request, response) => {
    const timer = setInterval(() => response.write('{'), 500)
    response.on('close', () => clearInterval(timer))
  })
  await new Promise<void>((resolve) => dripping.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    dripping.closeAllConnections()
    dripping.close()
  })
  return `http://127.0.0.1:${(dripping.address() as AddressInfo).port}/`
}

test('a document that drips is given up', async (t) => {
  const uri = await serveDrops(t)
  const options = { maxBytes: 1024, totalTimeoutMs: 1500, signal }
  await t.throwsAsync(http.get(uri, options), { message: /could not transfer/ })
})

test('a repository that drips holds up no other', async (t) => {
  const { repository, client, directory } = await setUp(t)
  publish(repository, [nameIndex('x', ['x'])])
  const stop = new AbortController()
  t.teardown(() => stop.abort())
  const slow = clientOf(await serveDrops(t), [repository.publicKey], join(directory, '..'), 'slow')
  new IndexMirror(() => ({ repositories: [slow, client], policy: everything }), createLog('test'), stop.signal)
  const names = join(directory, 'main', 'names')
  const deadline = Date.now() + 20_000
  while (!(existsSync(names) && readdirSync(names).length === 1) && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20))
  t.deepEqual(await namesOf(client), ['x'])
})
