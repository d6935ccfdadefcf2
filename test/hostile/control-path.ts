// PostgreSQL 18's extension_control_path, as a role would set it and as a superuser may have: what PostgreSQL finds by it
// is PostgreSQL's own, everything else is asked for, and it is what it was afterwards. Skipped on older servers.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { readPgConfig } from '../../src/adapters/pg-config.ts'
import { forgeArchive } from '../helpers/forged-archive.ts'
import { giveTo, serverUser } from '../helpers/os-users.ts'
import { defaultPgConfig } from '../helpers/private-installation.ts'
import { setScene } from '../helpers/scene.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

const { versionNum } = await readPgConfig(defaultPgConfig, AbortSignal.timeout(60_000))
const since18 = versionNum >= 180000 ? test.serial : test.serial.skip

let stage: Stage
let archive: string

test.before(async () => {
  if (versionNum < 180000) return
  stage = await setStage()
  archive = await forgeArchive(stage.directory.path, {
    fullName: 'git.example/path/good',
    control: `default_version = '1.0'\n`,
    script: 'CREATE FUNCTION good() RETURNS int4 LANGUAGE sql AS $$ SELECT 1 $$;',
  })
})
test.after.always(() => stage?.close())

since18('no role sets it for anybody', async (t) => {
  const { session, database } = await setScene(t, stage)
  await session.query(`CREATE ROLE setter LOGIN; ALTER DATABASE ${database} OWNER TO setter`)
  const { errorOf } = await stage.cluster.connect({ database, user: 'setter' })
  for (const sql of [
    `SET extension_control_path = '/tmp'`,
    `SELECT set_config('extension_control_path', '/tmp', true)`,
    `ALTER ROLE setter SET extension_control_path = '/tmp'`,
    `ALTER DATABASE ${database} SET extension_control_path = '/tmp'`,
    `CREATE FUNCTION f() RETURNS int LANGUAGE sql SET extension_control_path = '/tmp' AS $$ SELECT 1 $$`,
  ]) {
    t.is((await errorOf(sql))?.code, '42501', sql)
  }
  const { output } = stage.cluster.psql('SELECT 1', {
    database,
    user: 'setter',
    options: '-c extension_control_path=/tmp',
  })
  t.regex(output, /permission denied to set parameter/)
})

since18('whatever a superuser has set, it holds before and after, and ours are found besides', async (t) => {
  const { repository, session } = await setScene(t, stage)
  await repository.add(archive)
  repository.publish()
  await session.query('CREATE EXTENSION pginstall')
  for (const [value, hasSystem] of [
    ['', true],
    ['$system', true],
    ['/nowhere:$system', true],
    [':$system', true],
    ['$system:', true],
    ['$system/x', false],
    ['$systems', false],
    ['/tmp/a directory/"quoted":$system', true],
    ['/nowhere', false],
  ] as const) {
    await session.query(`SET extension_control_path = '${value}'`)
    const asked = repository.requests.length
    const error = await session.errorOf('CREATE EXTENSION hstore')
    t.is(error?.code, hasSystem ? undefined : '42704', `${value}: ${error?.message}`)
    // What the server lacks is asked for once, then remembered as unknown for a while.
    if (hasSystem) t.is(repository.requests.length, asked, value)
    await session.query('CREATE EXTENSION good')
    t.deepEqual(await session.query('SHOW extension_control_path'), [{ extension_control_path: value }])
    await session.query('DROP EXTENSION good; DROP EXTENSION IF EXISTS hstore')
  }
})

since18(
  'an extension that a superuser put on it is PostgreSQL’s own, a shadow of hstore before the server’s too',
  async (t) => {
    const { repository, session } = await setScene(t, stage)
    await repository.add(archive)
    repository.publish()
    const own = stage.directory.make('own/extension', serverUser)
    for (const name of ['good', 'hstore']) {
      const files = {
        [`${name}.control`]: `default_version = '9'\n`,
        [`${name}--9.sql`]: `CREATE FUNCTION ${name}_of_own() RETURNS int4 LANGUAGE sql AS 'SELECT 9';`,
      }
      for (const [file, text] of Object.entries(files)) {
        writeFileSync(join(own, file), text)
        giveTo(serverUser, join(own, file))
      }
    }
    await session.query(`SET extension_control_path = '${join(own, '..')}:$system'`)
    await session.query('CREATE EXTENSION good; CREATE EXTENSION hstore')
    t.deepEqual(await session.query('SELECT good_of_own(), hstore_of_own()'), [{ good_of_own: 9, hstore_of_own: 9 }])
    t.deepEqual(repository.requests, [])
    t.is(readFileSync(join(own, 'good.control'), 'utf8'), `default_version = '9'\n`)
  },
)

since18('an element that PostgreSQL refuses is refused in its words, and what stands before it is found', async (t) => {
  const { repository, session } = await setScene(t, stage)
  await repository.add(archive)
  repository.publish()
  await session.query('CREATE EXTENSION pginstall')
  for (const [element, message] of [
    ['relative/path', /not an absolute path/],
    [`${'/long'.repeat(1000)}`, /file name too long/i],
  ] as const) {
    await session.query(`SET extension_control_path = '${element}:$system'`)
    t.regex((await session.errorOf('CREATE EXTENSION hstore'))?.message ?? '', message)
    await session.query('CREATE EXTENSION good; DROP EXTENSION good')
  }
  await session.query('RESET extension_control_path; CREATE EXTENSION hstore')
})
