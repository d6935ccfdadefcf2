// Updates between several versions: the scripts on the way, sessions that were open meanwhile, and the way back.
import { readlinkSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { runPginstall } from '../helpers/command.ts'
import { forgeArchive } from '../helpers/forged-archive.ts'
import { type Scene, setScene } from '../helpers/scene.ts'
import { answeringModule, type SmallExtension, writeSourceTree } from '../helpers/source-trees.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

let stage: Stage

test.before(async () => {
  stage = await setStage()
})

test.after.always(() => stage?.close())

/** One version of an extension in SQL that ships these update scripts. */
async function offer({ repository }: Scene, name: string, version: string, scripts: Record<string, string>) {
  const files = Object.entries(scripts).map(([steps, content]) => [
    `${name}/${name}--${steps}.sql`,
    { kind: 'script' as const, content },
  ])
  const forgery = {
    fullName: `git.example/${name}/${name}`,
    version,
    control: `default_version = '${version}'\n`,
    script: note(`created ${version}`),
    files: Object.fromEntries(files),
  }
  await repository.add(await forgeArchive(stage.directory.make('archives'), forgery))
  repository.publish()
}

/** Leaves behind which script ran. */
function note(what: string): string {
  return `CREATE TABLE IF NOT EXISTS way (id serial, step text); INSERT INTO way (step) VALUES ('${what}');`
}

test.serial('scripts that the newest archive lacks come from those between, and its own win', async (t) => {
  const scene = await setScene(t, stage)
  const { session } = scene
  await offer(scene, 'steps', '1.0', {})
  await session.query('CREATE EXTENSION steps')
  await offer(scene, 'steps', '1.1', { '1.0--1.1': note('1.0 to 1.1') })
  await offer(scene, 'steps', '1.2', { '1.1--1.2': note('1.1 to 1.2, as 1.2 has it') })
  await offer(scene, 'steps', '1.3', { '1.1--1.2': note('1.1 to 1.2, as 1.3 has it'), '1.2--1.3': note('1.2 to 1.3') })
  await session.query('ALTER EXTENSION steps UPDATE')
  t.deepEqual(
    (await session.query('SELECT step FROM way ORDER BY id')).map(({ step }) => step),
    ['created 1.0', '1.0 to 1.1', '1.1 to 1.2, as 1.3 has it', '1.2 to 1.3'],
  )
  t.is(session.notices.filter((notice) => notice.startsWith('fetching ')).length, 4, 'each archive once')
})

test.serial('where no scripts lead, the error comes before anything is changed', async (t) => {
  const scene = await setScene(t, stage)
  await offer(scene, 'island', '1.0', {})
  await scene.session.query('CREATE EXTENSION island')
  await offer(scene, 'island', '2.0', { '1.5--2.0': note('never') })
  await scene.fails('ALTER EXTENSION island UPDATE', {
    code: '22023',
    message: /^extension "island" has no update path from version "1\.0" to version "2\.0"$/,
    detail: /: 2\.0, 1\.0\.$/,
  })
})

test.serial('a version that was never released by itself is made by the scripts of the newest', async (t) => {
  const scene = await setScene(t, stage)
  const { session } = scene
  const versions = `SELECT sql_version, version FROM pginstall.installed WHERE name = 'middle'`
  await offer(scene, 'middle', '1.3', {
    '1.0': note('created 1.0'),
    '1.0--1.1': note('1.0 to 1.1'),
    '1.1--1.2': note('1.1 to 1.2'),
    '1.2--1.3': note('1.2 to 1.3'),
  })
  for (const version of ['0.9', '1.4']) {
    await scene.fails(`CREATE EXTENSION middle VERSION '${version}'`, {
      code: '42704',
      message: new RegExp(`^extension "git.example/middle/middle" has no version "${version}" at`),
      detail: /^There are: 1\.3\.$/,
    })
  }
  await session.query(`CREATE EXTENSION middle VERSION '1.1'`)
  t.deepEqual(await session.query(versions), [{ sql_version: '1.1', version: '1.3' }])
  await session.query(`ALTER EXTENSION middle UPDATE TO '1.2'`)
  t.deepEqual(await session.query(versions), [{ sql_version: '1.2', version: '1.3' }])
  await scene.fails(`ALTER EXTENSION middle UPDATE TO '1.1'`, { code: '55000', message: /^version "1\.1" .* is older/ })
  await session.query('ALTER EXTENSION middle UPDATE')
  t.deepEqual(
    (await session.query('SELECT step FROM way ORDER BY id')).map(({ step }) => step),
    ['created 1.0', '1.0 to 1.1', '1.1 to 1.2', '1.2 to 1.3'],
  )
})

/** Builds one version and publishes it at the stage's own repository. */
function publish(name: string, version: string, tree: Omit<SmallExtension, 'name' | 'version'>) {
  stage.configure({})
  stage.publish(writeSourceTree(stage.directory.path, { name, version, ...tree }), [`git.example/${name}/${name}`])
}

async function newDatabase(name: string) {
  stage.cluster.psql(`CREATE DATABASE ${name}`)
  return stage.cluster.connect({ database: name })
}

/** Version 1.1's module answers 42 instead of 41, and has a function more. */
function publishCounting(version: '1.0' | '1.1') {
  const first = `CREATE FUNCTION counting() RETURNS int4 LANGUAGE c AS 'MODULE_PATHNAME';`
  const newer = `CREATE FUNCTION newer() RETURNS int4 LANGUAGE c AS 'MODULE_PATHNAME';`
  const module = answeringModule('counting', version === '1.0' ? 41 : 42)
  const more = 'PG_FUNCTION_INFO_V1(newer);\nDatum newer(PG_FUNCTION_ARGS) { PG_RETURN_INT32(43); }\n'
  const scripts = { 'counting--1.0--1.1.sql': newer, 'counting--1.1--1.0.sql': 'DROP FUNCTION newer();' }
  publish('counting', version, {
    files: version === '1.0' ? {} : scripts,
    control: "module_pathname = '$libdir/counting'",
    sql: version === '1.0' ? first : first + newer,
    module: version === '1.0' ? module : module + more,
  })
}

test.serial(
  'sessions that were open across an update work on, and are told to connect anew where they cannot',
  async (t) => {
    publishCounting('1.0')
    const updating = await newDatabase('ours')
    const open = await newDatabase('theirs')
    for (const session of [updating, open]) {
      await session.query('CREATE EXTENSION counting')
      t.deepEqual(await session.query('SELECT counting()'), [{ counting: 41 }])
    }
    publishCounting('1.1')
    const stale = await updating.errorOf('ALTER EXTENSION counting UPDATE')
    t.is(stale?.code, '55000')
    t.is(
      stale?.message,
      'this session has an older version of module "counting--git.example+counting+counting", without function "newer"',
    )
    t.is(stale?.hint, 'Connect anew, and repeat the statement.')

    const fresh = await stage.cluster.connect({ database: 'ours' })
    await fresh.query('ALTER EXTENSION counting UPDATE')
    t.deepEqual(await fresh.query('SELECT counting(), newer()'), [{ counting: 42, newer: 43 }])
    t.deepEqual(await open.query('SELECT counting()'), [{ counting: 41 }], 'with the module that it has')
    const called = await updating.errorOf('SELECT newer()')
    t.is(called?.code, '55000')
    t.is(called?.message, stale?.message)
    const theirs = await stage.cluster.connect({ database: 'theirs' })
    t.deepEqual(await theirs.query('SELECT counting(), sql_version FROM pginstall.installed'), [
      { counting: 42, sql_version: '1.0' },
    ])
  },
)

test.serial(
  'an older version is refused, and brought by force; the module follows when nobody needs the newer',
  async (t) => {
    const link = join(stage.state, 'main', 'lib', 'counting--git.example+counting+counting.so')
    const linked = () => readlinkSync(link).split('/').at(-4)
    const update = (database: string, ...args: string[]) => {
      const connection = ['-h', stage.cluster.socketDirectory, '-U', 'postgres', '-d', database]
      return runPginstall(stage.configDirectory, ['update', ...connection, ...args])
    }
    t.is(update('theirs', 'counting').status, 0)
    const refused = update('ours', 'counting=1.0')
    t.is(refused.status, 1)
    t.regex(refused.stderr, /version "1\.0" of extension "counting" is older than "1\.1", which is installed/)
    t.regex(
      refused.stderr,
      /HINT: If it is meant, type: pginstall update --force counting=1\.0, or in SQL, as a superuser: SET pginstall\.downgrade = on/,
    )

    const first = update('ours', '--force', 'counting=1.0')
    t.is(first.stdout, 'updated: counting 1.0 (git.example/counting/counting)\n1 updated, 0 up to date, 0 failed\n')
    t.regex(first.stderr, /modules of git\.example\/counting\/counting stay .*: database "theirs" at version 1\.1/)
    t.is(linked(), '1.1')
    const ours = await stage.cluster.connect({ database: 'ours' })
    t.deepEqual(await ours.query('SELECT counting()'), [{ counting: 42 }])

    t.is(update('theirs', '--force', 'counting=1.0').status, 0)
    t.is(linked(), '1.0')
    const theirs = await stage.cluster.connect({ database: 'theirs' })
    t.deepEqual(await theirs.query('SELECT counting()'), [{ counting: 41 }])
  },
)

test.serial('a plain role cannot let itself go back', async (t) => {
  const session = await newDatabase('plain')
  await session.query('CREATE ROLE plain LOGIN')
  const plain = await stage.cluster.connect({ database: 'plain', user: 'plain' })
  t.is((await plain.errorOf('SET pginstall.downgrade = on'))?.code, '42501')
})

test.serial('a module that its author names by version stays beside the newer one', async (t) => {
  const publishSide = (version: string, answer: number, scripts: Record<string, string>) =>
    publish('side', version, {
      files: scripts,
      control: `module_pathname = '$libdir/side-${version}'`,
      sql: `CREATE FUNCTION side() RETURNS int4 LANGUAGE c AS 'MODULE_PATHNAME';`,
      module: answeringModule('side', answer),
      moduleName: `side-${version}`,
    })
  publishSide('1', 1, {})
  const old = await newDatabase('side_old')
  await old.query('CREATE EXTENSION side')
  t.deepEqual(await old.query('SELECT side()'), [{ side: 1 }])
  publishSide('2', 2, {
    'side--1--2.sql': `CREATE FUNCTION more() RETURNS int4 LANGUAGE c AS 'MODULE_PATHNAME', 'side';`,
  })
  const both = await newDatabase('side_both')
  await both.query(`CREATE EXTENSION side VERSION '1'`)
  await both.query('ALTER EXTENSION side UPDATE')
  t.deepEqual(await both.query('SELECT side(), more()'), [{ side: 1, more: 2 }])
  const again = await stage.cluster.connect({ database: 'side_old' })
  t.deepEqual(await again.query('SELECT side()'), [{ side: 1 }])
})
