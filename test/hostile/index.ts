// Repositories that lie in their index: replays, clocks, split views, names of others. Each is refused, and nothing of it stays.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import test from 'ava'
import { archivePath, maxTopIndexBytes, type NameIndex, nameIndexPath, topIndexPath } from '../../src/model/index.ts'
import { openUnsignedIndex } from '../../src/model/signature.ts'
import { writeSettings } from '../helpers/command.ts'
import { forgeArchive } from '../helpers/forged-archive.ts'
import { setScene } from '../helpers/scene.ts'
import { writeSourceTree } from '../helpers/source-trees.ts'
import { type Stage, setStage } from '../helpers/stage.ts'
import { type StaticRepository, serveStaticRepository } from '../helpers/static-repository.ts'

let stage: Stage
const archives: Record<string, string> = {}

test.before(async () => {
  stage = await setStage()
  for (const name of ['victim', 'hstore']) {
    const tree = writeSourceTree(stage.directory.path, {
      name,
      sql: `CREATE FUNCTION ${name}_evil() RETURNS int4 LANGUAGE sql AS 'SELECT 1';`,
    })
    archives[name] = stage.publish(tree, [`evil.example/x/${name}`])[0] as string
  }
})

test.after.always(() => stage?.close())

const untrusted = { code: 'PI003', message: /could not trust repository/ }

test.serial('an index is replayed', async (t) => {
  const { repository, fails } = await setScene(t, stage)
  await repository.add(archives.victim as string)
  repository.publish()
  const old = repository.files.get(topIndexPath) as string
  repository.publish()
  await fails('CREATE EXTENSION nosuch', { code: '42704', message: /not available/ })
  repository.files.set(topIndexPath, old)
  await fails('CREATE EXTENSION victim', { ...untrusted, message: /older than the one seen before/ })
})

test.serial('two clients are shown two indexes of one version', async (t) => {
  const { repository, fails } = await setScene(t, stage)
  repository.publish({ version: 5 })
  await fails('CREATE EXTENSION nosuch', { code: '42704', message: /not available/ })
  await repository.add(archives.victim as string)
  repository.publish({ version: 5 })
  await fails('CREATE EXTENSION victim', {
    ...untrusted,
    message: /differs from the one seen before under the same version/,
  })
})

test.serial('an index is from the future, has no date, or no version', async (t) => {
  const { repository, fails } = await setScene(t, stage)
  await repository.add(archives.victim as string)
  repository.publish({ published: new Date(Date.now() + 86_400_000) })
  await fails('CREATE EXTENSION victim', { ...untrusted, message: /from the future/, hint: /clock/ })
  repository.publish({ expires: 'never' })
  await fails('CREATE EXTENSION victim', { ...untrusted, message: /malformed index/ })
  repository.publish({ expires: '2026-01-01T00:00:00Z' })
  await fails('CREATE EXTENSION victim', { ...untrusted, message: /expired/ })
  repository.publish({ version: 1.5 })
  await fails('CREATE EXTENSION victim', { ...untrusted, message: /malformed index/ })
})

test.serial('an envelope that is no envelope', async (t) => {
  const { repository, fails } = await setScene(t, stage)
  for (const rubbish of [
    '',
    'null',
    '[]',
    '{}',
    '{"payloadType":"x"}',
    '<html>',
    '{"__proto__":{"payload":"e30="}}',
    '['.repeat(100_000),
  ]) {
    repository.files.set(topIndexPath, rubbish)
    await fails('CREATE EXTENSION victim', untrusted)
  }
  repository.publish()
  const envelope = JSON.parse(repository.files.get(topIndexPath) as string)
  repository.files.set(
    topIndexPath,
    JSON.stringify({
      ...envelope,
      payload: Buffer.from(openUnsignedIndex(JSON.stringify(envelope)) + ' ').toString('base64'),
    }),
  )
  await fails('CREATE EXTENSION victim', { ...untrusted, message: /not signed by a key/ })
  repository.files.set(
    topIndexPath,
    JSON.stringify({ ...envelope, signatures: [{ keyid: '0'.repeat(64), sig: envelope.signatures[0].sig }] }),
  )
  await fails('CREATE EXTENSION victim', { ...untrusted, message: /not signed by a key/ })
})

test.serial('names that every object has are no extensions', async (t) => {
  const { repository, fails } = await setScene(t, stage)
  repository.publish()
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    await fails(`CREATE EXTENSION "${name}"`, { code: '42704', message: /not available/ })
  }
})

test.serial('an index file belongs to another name, or says other than its digest', async (t) => {
  const { repository, fails } = await setScene(t, stage)
  await repository.add(archives.victim as string)
  repository.publish({ amend: (top) => ({ ...top, names: { other: top.names.victim as string } }) })
  await fails('CREATE EXTENSION other', { ...untrusted, message: /gives for "other" what belongs to "victim"/ })
})

for (const [title, amend, expected] of [
  [
    'a full name that is none',
    (e) => ({ ...e, full_name: '../../etc/victim' }),
    { ...untrusted, message: /invalid|could not trust/ },
  ],
  ['a full name with another last element', (e) => ({ ...e, full_name: 'evil.example/x/other' }), untrusted],
  ['a version that is a path', (e) => withRelease(e, { version: '../../../tmp/x' }), untrusted],
  ['a file that is a path', (e) => withArchive(e, { file: '../../x.tar.gz' }), untrusted],
  [
    'a file of another extension',
    (e) => withArchive(e, { file: 'github.com+dim+victim--1.0--any--1.tar.gz' }),
    untrusted,
  ],
  ['a size that is huge', (e) => withArchive(e, { size: 2 ** 52 }), { ...untrusted, message: /malformed index/ }],
] as [string, (e: Extension) => Extension, { code: string; message: RegExp }][]) {
  test.serial(`an index has ${title}`, async (t) => {
    const { repository, fails } = await setScene(t, stage)
    await repository.add(archives.victim as string)
    publishAmended(repository, 'victim', amend)
    await fails('CREATE EXTENSION victim', expected)
  })
}

test.serial('an archive that was fetched has other bytes now, under the same name', async (t) => {
  const { repository, session, fails } = await setScene(t, stage)
  const forge = (answer: number) =>
    forgeArchive(stage.directory.make(`changing-${answer}`), {
      fullName: 'evil.example/x/changing',
      control: `default_version = '1.0'\n`,
      script: `CREATE FUNCTION changing() RETURNS int4 LANGUAGE sql AS 'SELECT ${answer}';`,
    })
  const [first, second] = [await forge(1), await forge(2)]
  await repository.add(first)
  repository.publish()
  await session.query('CREATE EXTENSION changing; DROP EXTENSION changing')
  const content = readFileSync(second)
  const sha256 = createHash('sha256').update(content).digest('hex')
  repository.files.set(archivePath(sha256, basename(second)), content)
  publishAmended(repository, 'changing', (extension) => withArchive(extension, { sha256, size: content.length }))
  const message = /archive "evil\.example\+x\+changing--1\.0--any--1\.tar\.gz" has other bytes than when it was fetched/
  await fails('CREATE EXTENSION changing', { ...untrusted, message, hint: /build number/ })
  // A rebuild is another archive.
  const rebuilt = (file: string) => file.replace('--1.tar.gz', '--2.tar.gz')
  await repository.add(second, (archive) => ({ ...archive, file: rebuilt(archive.file), build: 2 }))
  repository.publish()
  await session.query('CREATE EXTENSION changing')
  t.deepEqual(await session.query('SELECT changing()'), [{ changing: 2 }])
})

test.serial(
  'an index as large as may be keeps nobody out, and a larger one is refused, by a sidecar that lives',
  async (t) => {
    const { repository, fails, session } = await setScene(t, stage)
    await repository.add(archives.victim as string)
    const publishWith = (count: number) =>
      repository.publish({
        amend: (top) => {
          const more = Array.from({ length: count }, (_, n) => [`n${n.toString(36)}`, n.toString(16).padStart(64, 'a')])
          return { ...top, names: { ...top.names, ...Object.fromEntries(more) } }
        },
      })
    publishWith(80_000)
    t.true(String(repository.files.get(topIndexPath)).length > 0.9 * maxTopIndexBytes)
    await session.query('CREATE EXTENSION victim')
    publishWith(100_000)
    await fails('CREATE EXTENSION nosuch', { code: '54000', message: /response .*is larger than 8388608 bytes/ })
    publishWith(0)
    await fails('CREATE EXTENSION nosuch', { code: '42704', message: /not available/ })
    const peak = /VmHWM:\s*([0-9]+) kB/.exec(readFileSync(`/proc/${stage.sidecar.pid}/status`, 'utf8'))?.[1]
    t.true(Number(peak) < 400_000, `${peak} kB`)
  },
)

test.serial('thousands of providers of a name are told in an error that PostgreSQL takes', async (t) => {
  const { repository, session } = await setScene(t, stage)
  await repository.add(archives.victim as string)
  repository.publish()
  publishAmended(repository, 'victim', (extension) => {
    const one = JSON.stringify(extension)
    return Array.from({ length: 5000 }, (_, n) => JSON.parse(one.replaceAll(/x(?=[/+]victim)/g, `x${n}`)) as Extension)
  })
  const ambiguous = await session.errorOf('CREATE EXTENSION victim')
  t.is(ambiguous?.code, 'PI001', `${ambiguous?.message} ${ambiguous?.detail?.slice(0, 200)}`)
  t.true((ambiguous?.detail ?? '').length < 20_000)
})

/** A new index that says of an extension what `amend` makes of it. */
function publishAmended(
  repository: StaticRepository,
  name: string,
  amend: (extension: Extension) => Extension | Extension[],
): void {
  repository.publish({
    amend: (top) => {
      const index = JSON.parse(repository.files.get(nameIndexPath(top.names[name] as string)) as string) as NameIndex
      const text = JSON.stringify({ ...index, extensions: index.extensions.flatMap(amend) })
      const digest = createHash('sha256').update(text).digest('hex')
      repository.files.set(nameIndexPath(digest), text)
      return { ...top, names: { [name]: digest } }
    },
  })
}

type Extension = NameIndex['extensions'][number]

function withRelease(extension: Extension, change: object): Extension {
  return { ...extension, releases: extension.releases.map((release) => ({ ...release, ...change })) }
}

function withArchive(extension: Extension, change: object): Extension {
  const releases = extension.releases.map((release) => ({
    ...release,
    archives: release.archives.map((archive) => ({ ...archive, ...change })),
  }))
  return { ...extension, releases }
}

test.serial('a short name that contrib has is contrib, whoever publishes it too', async (t) => {
  const { repository, session } = await setScene(t, stage)
  await repository.add(archives.hstore as string)
  repository.publish()
  await session.query('CREATE EXTENSION hstore')
  t.deepEqual(await session.query(`SELECT count(*)::int FROM pg_proc WHERE proname = 'hstore_evil'`), [{ count: 0 }])
  t.deepEqual(repository.requests, [])
})

test.serial('a name of one repository is not taken from the next, though its version is higher there', async (t) => {
  const { repository, database, fails } = await setScene(t, stage)
  const stranger = await serveStaticRepository()
  t.teardown(() => stranger.close())
  await repository.add(archives.victim as string, (archive) => ({ ...archive, needs: null }))
  repository.publish()
  await stranger.add(archives.victim as string)
  stranger.publish()
  writeSettings(stage.configDirectory, 'repositories/stranger', { uri: stranger.uri, key: stranger.publicKey })
  stage.configure({ repositories: `${database}, stranger` })
  repository.files.delete(topIndexPath)
  await fails('CREATE EXTENSION victim', { code: '58030', message: /could not reach repository/ })
  t.deepEqual(stranger.requests, [])
})
