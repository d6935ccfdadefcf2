// Who sets what a database remembers: nobody chooses for a superuser, nor for themselves beyond what policy grants.
import test from 'ava'
import { writeSettings } from '../helpers/command.ts'
import { forgeArchive } from '../helpers/forged-archive.ts'
import { setScene } from '../helpers/scene.ts'
import { type Stage, setStage } from '../helpers/stage.ts'
import type { StaticRepository } from '../helpers/static-repository.ts'

let stage: Stage
const archives = new Map<string, string>()

test.before(async () => {
  stage = await setStage()
  stage.cluster.psql('CREATE ROLE owner LOGIN')
  writeSettings(stage.configDirectory, 'grants/owner', { role: 'owner', extensions: 'git.example/*/mine' })
})

test.after.always(() => stage?.close())

async function offer(repository: StaticRepository, ...fullNames: string[]): Promise<void> {
  const control = "default_version = '1.0'\nsuperuser = false\n"
  for (const fullName of fullNames) {
    const archive =
      archives.get(fullName) ?? (await forgeArchive(stage.directory.path, { fullName, control, script: 'SELECT 1;' }))
    archives.set(fullName, archive)
    await repository.add(archive)
  }
  repository.publish()
}

/** A comment as the hook writes it. */
function remembering(...lines: string[]): string {
  const header = 'what came through pginstall, read when a dump is restored; made by it, not to be edited'
  return `COMMENT ON SCHEMA pginstall IS '${[header, ...lines].join('\n')}'`
}

const installed = 'SELECT full_name FROM pginstall.installed ORDER BY 1'

test.serial('an owner of the database chooses nothing for a superuser', async (t) => {
  const { repository, session, database, fails } = await setScene(t, stage)
  await offer(repository, 'git.example/a/mine', 'git.example/b/mine', 'git.example/a/hstore')
  await session.query(`ALTER DATABASE ${database} OWNER TO owner`)
  const owner = await stage.cluster.connect({ database, user: 'owner' })
  await owner.query('CREATE SCHEMA pginstall')
  await owner.query(remembering('git.example/a/hstore 1.0 1.0', 'git.example/b/mine 1.0 1.0'))
  await session.query('CREATE EXTENSION hstore')
  t.truthy(await session.query(`SELECT '' OPERATOR(public.||) ''::public.hstore`))
  await fails('CREATE EXTENSION mine', { code: 'PI001', message: /several providers/ })

  // For himself he does, as far as policy goes.
  await owner.query('CREATE EXTENSION mine')
  t.deepEqual(await session.query(installed), [{ full_name: 'git.example/b/mine' }])
  await fails('COMMENT ON SCHEMA pginstall IS NULL', { code: '42501', message: /must be owner of schema/ }, owner)
})

test.serial('what is left of his choices when the schema becomes ours is his alone', async (t) => {
  const { repository, session, database, fails } = await setScene(t, stage)
  await offer(repository, 'git.example/a/mine', 'git.example/a/other', 'git.example/b/other')
  await session.query(`GRANT CREATE ON DATABASE ${database} TO owner`)
  const owner = await stage.cluster.connect({ database, user: 'owner' })
  await owner.query('CREATE SCHEMA pginstall')
  await owner.query(remembering('git.example/b/other 1.0 1.0'))
  await owner.query('BEGIN; SAVEPOINT s; CREATE EXTENSION mine; ROLLBACK TO s; CREATE EXTENSION mine; COMMIT')
  const [row] = await session.query(`SELECT obj_description('pginstall'::regnamespace) AS comment`)
  t.deepEqual(String(row?.comment).split('\n').slice(1), [
    'git.example/a/mine 1.0 1.0',
    'git.example/b/other 1.0 1.0 owner',
  ])
  await fails('CREATE EXTENSION other', { code: 'PI001', message: /several providers/ })
  await fails(
    'CREATE EXTENSION other',
    { code: '42501', message: /permission denied to install extension "git\.example\/b\/other"/ },
    owner,
  )
})

test.serial('a schema with something in it is not taken from its owner', async (t) => {
  const { repository, session, database } = await setScene(t, stage)
  await offer(repository, 'git.example/a/mine')
  await session.query(`GRANT CREATE ON DATABASE ${database} TO owner`)
  const owner = await stage.cluster.connect({ database, user: 'owner' })
  await owner.query('CREATE SCHEMA pginstall; CREATE TABLE pginstall.record (x int)')
  t.is((await owner.errorOf('CREATE EXTENSION mine'))?.code, '2BP01')
  t.deepEqual(await session.query(`SELECT extname FROM pg_extension WHERE extname IN ('mine', 'pginstall')`), [])
})

test.serial('a role whose name has a line in it, and lines that are nonsense, add nothing', async (t) => {
  const { repository, session, database, fails } = await setScene(t, stage)
  await offer(repository, 'git.example/a/mine', 'git.example/a/other', 'git.example/b/other')
  const name = `"x\ngit.example/a/other 1.0 1.0"`
  await session.query(`CREATE ROLE ${name} LOGIN IN ROLE owner; GRANT CREATE ON DATABASE ${database} TO owner`)
  await session.query(`SET SESSION AUTHORIZATION ${name}; CREATE SCHEMA pginstall`)
  await session.query(remembering('git.example/b/other 1.0 1.0'))
  await session.query('CREATE EXTENSION mine; RESET SESSION AUTHORIZATION')
  await fails('CREATE EXTENSION other', { code: 'PI001', message: /several providers/ })
  await session.query(
    remembering('git.example/../other 1.0 1.0', 'git.example/a/other ../1 1', 'git.example/a/other', '', ' ', 'other'),
  )
  await fails('CREATE EXTENSION other', { code: 'PI001', message: /several providers/ })
  await session.query(`DROP EXTENSION mine; DROP EXTENSION pginstall CASCADE; DROP SCHEMA pginstall; DROP ROLE ${name}`)
})

test.serial('policy refuses what is remembered as it does what is typed', async (t) => {
  const { repository, session, database, fails } = await setScene(t, stage)
  await offer(repository, 'git.example/a/hstore')
  await session.query('CREATE EXTENSION pginstall')
  await session.query(remembering('git.example/a/hstore 1.0 1.0'))
  stage.configure({ repositories: database, deny: 'git.example/a/hstore' })
  const error = await session.errorOf('CREATE EXTENSION hstore')
  t.is(error?.code, '42501', error?.message)
  await session.query('COMMENT ON SCHEMA pginstall IS NULL')
  t.is(await session.errorOf('CREATE EXTENSION hstore'), undefined)
  await fails('CREATE EXTENSION hstore', { code: '42710', message: /already exists/ })
})
