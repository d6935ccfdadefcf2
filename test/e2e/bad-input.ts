// Ordinary bad input and ordinary failures: each a clear error, nothing half done, and the server stays up.
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import test from 'ava'
import { generateSigningKey } from '../../src/model/signature.ts'
import { writeSettings } from '../helpers/command.ts'
import { setScene } from '../helpers/scene.ts'
import { answeringModule, writeSourceTree } from '../helpers/source-trees.ts'
import { repositoryName, type Stage, setStage } from '../helpers/stage.ts'

let stage: Stage
/** Archives of git.example/bad/NAME, built once; each test serves those it needs from a repository that it may spoil. */
const archives: Record<string, string> = {}

test.before(async () => {
  stage = await setStage()
  for (const name of ['good', 'other', 'spoiled', 'swapped']) {
    const tree = writeSourceTree(stage.directory.path, {
      name,
      sql: `CREATE FUNCTION ${name}() RETURNS int4 LANGUAGE c AS 'MODULE_PATHNAME', '${name}';`,
      control: `module_pathname = '$libdir/${name}'`,
      module: answeringModule(name, 1),
    })
    archives[name] = stage.publish(tree, [`git.example/bad/${name}`])[0] as string
  }
})

test.after.always(() => stage?.close())

test.serial('an extension that nobody has', async (t) => {
  const { repository, fails } = await setScene(t, stage)
  await repository.add(archives.good as string)
  repository.publish()
  await fails('CREATE EXTENSION nosuch', {
    code: '42704',
    message: /extension "nosuch" is not available/,
    hint: /pginstall\.search/,
  })
  await fails('CREATE EXTENSION "git.example/strange/good"', {
    code: '42704',
    message: /is not available/,
    detail: /git\.example\/bad\/good/,
  })
  await fails(`CREATE EXTENSION good VERSION '9.9'`, {
    code: '42704',
    message: /no version "9\.9"/,
    detail: /There are: 1\.0/,
  })
})

test.serial('no repository configured', async (t) => {
  const { fails } = await setScene(t, stage)
  stage.configure({ repositories: '' })
  await fails('CREATE EXTENSION nosuch', {
    code: '42704',
    message: /not available/,
    hint: /pginstall config repositories/,
  })
})

test.serial('malformed full names', async (t) => {
  const { repository, fails } = await setScene(t, stage)
  for (const name of [
    'github/dim/prefix',
    'GitHub.com/dim/prefix',
    'https://github.com/dim/prefix',
    'github.com/../prefix',
    'github.com/a--b/prefix',
  ]) {
    await fails(`CREATE EXTENSION "${name}"`, {
      code: '42602',
      message: /invalid extension full name/,
      detail: /./,
      hint: /./,
    })
  }
  await fails(`CREATE EXTENSION "git.example/bad/good" VERSION '../x'`, {
    code: '42602',
    message: /invalid .*version/,
  })
  t.deepEqual(repository.requests, [])
})

test.serial('a full name over 63 bytes is taken whole, one over 150 is refused', async (t) => {
  const { repository, fails } = await setScene(t, stage)
  repository.publish()
  const long = `git.example/${'long/'.repeat(15)}good`
  t.true(long.length > 63)
  await fails(`CREATE EXTENSION /* "not/this" */ "${long}"`, {
    code: '42704',
    message: new RegExp(`"${long}" is not available`),
  })
  await fails(`CREATE EXTENSION "git.example/${'long/'.repeat(40)}good"`, {
    code: '42622',
    message: /more than 150 bytes|too long/,
  })
})

test.serial('no archive for this major, or for this machine', async (t) => {
  const { repository, fails } = await setScene(t, stage)
  const major = Math.trunc(stage.installation.versionNum / 10000)
  const other = major === 17 ? 18 : 17
  await repository.add(archives.good as string, (archive) => ({
    ...archive,
    file: archive.file.replace(`--pg${major}--`, `--pg${other}--`),
    postgresql: archive.postgresql && { ...archive.postgresql, version_num: other * 10000 + 2 },
  }))
  await repository.add(archives.other as string, (archive) => ({
    ...archive,
    needs: archive.needs && {
      ...archive.needs,
      libraries: [{ soname: 'libnosuch.so.7', versions: [], package: 'libnosuch7' }],
    },
  }))
  repository.publish()
  await fails('CREATE EXTENSION good', {
    code: 'PI002',
    message: /no archive .* suits/,
    detail: new RegExp(`PostgreSQL ${other}, this server is ${major}`),
    hint: /./,
  })
  await fails('CREATE EXTENSION other', {
    code: 'PI002',
    message: /no archive .* suits/,
    detail: /libnosuch\.so\.7 .*libnosuch7/,
  })
})

test.serial('a role without rights: no byte leaves the machine', async (t) => {
  const { repository, session, fails } = await setScene(t, stage)
  await repository.add(archives.good as string)
  repository.publish()
  const [{ db } = {}] = await session.query('SELECT current_database() AS db')
  await session.query(`CREATE ROLE plain LOGIN; CREATE ROLE creator LOGIN; GRANT CREATE ON DATABASE ${db} TO creator`)
  const plain = await stage.cluster.connect({ database: String(db), user: 'plain' })
  await fails('CREATE EXTENSION good', { code: '42501', message: /permission denied/ }, plain)
  const creator = await stage.cluster.connect({ database: String(db), user: 'creator' })
  await fails(
    'CREATE EXTENSION good',
    {
      code: '42501',
      message: /permission denied to install extension "good"/,
      detail: /No grant/,
    },
    creator,
  )
  await fails(
    'CREATE EXTENSION "git.example/bad/good"',
    {
      code: '42501',
      message: /permission denied/,
      detail: /No grant/,
    },
    creator,
  )
  t.deepEqual(repository.requests, [])
  stage.configure({ deny: 'git.example/**' })
  await fails('CREATE EXTENSION "git.example/bad/good"', {
    code: '42501',
    message: /permission denied/,
    detail: /"deny"/,
  })
  t.deepEqual(repository.requests, [])
})

test.serial('a grant lets a plain role install what it trusts', async (t) => {
  const { repository, session, fails } = await setScene(t, stage)
  await repository.add(archives.good as string)
  repository.publish()
  const [{ db } = {}] = await session.query('SELECT current_database() AS db')
  await session.query(
    `CREATE ROLE granted; CREATE ROLE member LOGIN IN ROLE granted; GRANT CREATE ON DATABASE ${db} TO granted`,
  )
  writeSettings(stage.configDirectory, 'grants/member', { role: 'granted', extensions: 'git.example/bad/*' })
  const member = await stage.cluster.connect({ database: String(db), user: 'member' })
  await fails(
    'CREATE EXTENSION good',
    {
      code: '42501',
      message: /permission denied to create extension "good"/,
      hint: /superuser/,
    },
    member,
  )
  writeSettings(stage.configDirectory, 'grants/member', {
    role: 'granted',
    extensions: 'git.example/bad/*',
    trusted: 'yes',
  })
  await member.query('CREATE EXTENSION good')
  t.deepEqual(await member.query('SELECT good(), full_name FROM pginstall.installed'), [
    { good: 1, full_name: 'git.example/bad/good' },
  ])
})

test.serial('the sidecar does not run', async (t) => {
  const { session, fails } = await setScene(t, stage)
  await stage.sidecar.stop()
  await fails('CREATE EXTENSION "git.example/bad/good"', {
    code: '58000',
    message: /could not connect to the pginstall sidecar/,
    hint: /pginstall/,
  })
  await session.query('CREATE EXTENSION pg_trgm; DROP EXTENSION pg_trgm')
  await stage.startSidecar()
  await fails('CREATE EXTENSION "git.example/bad/nosuch"', {
    code: '58030',
    message: /could not reach repository/,
  })
})

test.serial('the repository is down', async (t) => {
  const { repository, fails } = await setScene(t, stage)
  repository.close()
  await fails('CREATE EXTENSION good', {
    code: '58030',
    message: /could not reach repository/,
    detail: /connect/i,
    hint: /./,
  })
})

test.serial('an index signed by another key, one that is older, and one that has expired', async (t) => {
  const { repository, fails } = await setScene(t, stage)
  await repository.add(archives.good as string)
  repository.publish({ version: 7, privatePem: generateSigningKey().privatePem })
  const refused = { code: 'PI003', message: /could not trust repository/ }
  await fails('CREATE EXTENSION good', { ...refused, message: /not signed by a key/ })
  repository.publish({ version: 7 })
  await fails('CREATE EXTENSION nosuch', { code: '42704', message: /not available/ })
  repository.publish({ version: 6 })
  await fails('CREATE EXTENSION good', {
    ...refused,
    message: /older than the one seen before/,
    detail: /version 6, the one seen before has 7/,
  })
  repository.publish({ version: 8, expires: new Date(Date.now() - 1000) })
  await fails('CREATE EXTENSION good', { ...refused, message: /expired/, hint: /clock/ })
  repository.publish({ version: 9 })
  for (const [path, content] of repository.files) {
    if (/^index\/[0-9a-f]{64}/.test(path)) repository.files.set(path, `${content} `)
  }
  await fails('CREATE EXTENSION good', { ...refused, message: /other bytes than its digest/ })
})

test.serial('an archive with other bytes, and one with the manifest of another', async (t) => {
  const { repository, fails } = await setScene(t, stage)
  await repository.add(archives.spoiled as string)
  await repository.add(archives.swapped as string, (archive) => ({
    ...archive,
    requires: [{ name: 'hstore', provider: 'builtin' }],
  }))
  repository.publish()
  for (const [path, content] of repository.files) {
    if (!path.includes('bad+spoiled')) continue
    const spoiled = Buffer.from(content)
    spoiled[spoiled.length - 20] = (spoiled[spoiled.length - 20] as number) ^ 1
    repository.files.set(path, spoiled)
  }
  await fails('CREATE EXTENSION spoiled', {
    code: 'PI003',
    message: /is not what the signed index says/,
    detail: /SHA-256/,
  })
  await fails('CREATE EXTENSION swapped', { code: 'PI003', message: /has the manifest of another/ })
})

test.serial('a stranger on the socket is not answered', async (t) => {
  await setScene(t, stage)
  // Only the server's user and root may speak; from here, what is not a request is refused, and the sidecar goes on.
  const answer = await new Promise<string>((resolve) => {
    const socket = connectTcp(join(stage.directory.path, 'run', 'sidecar'), () => socket.write('rubbish\n'))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('close', () => resolve(text))
  })
  t.regex(answer, /"sqlstate":"42601"/)
})

test.serial(`after all of it, ${repositoryName} still serves`, async (t) => {
  stage.configure({})
  stage.cluster.psql('CREATE DATABASE after_all')
  const { query } = await stage.cluster.connect({ database: 'after_all' })
  await query('CREATE EXTENSION "git.example/bad/good"')
  t.deepEqual(await query('SELECT good()'), [{ good: 1 }])
  t.notRegex(stage.cluster.log(), /PANIC|terminated by signal|server process .* exited/)
})
