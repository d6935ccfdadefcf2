// A plain SQL role, a database owner who is no superuser, and odd names: nothing is asked, written or gained.
import test from 'ava'
import { forgeArchive } from '../helpers/forged-archive.ts'
import { setScene } from '../helpers/scene.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

let stage: Stage
let archive: string

test.before(async () => {
  stage = await setStage()
  archive = await forgeArchive(stage.directory.path, {
    fullName: 'git.example/sql/good',
    control: `default_version = '1.0'\n`,
    script: 'CREATE FUNCTION good() RETURNS int4 LANGUAGE sql AS $$ SELECT 1 $$;',
  })
  stage.cluster.psql('CREATE ROLE plain LOGIN')
})

test.after.always(() => stage?.close())

test.serial('names with quotes, format characters, and letters that look alike', async (t) => {
  const { repository, fails } = await setScene(t, stage)
  await repository.add(archive)
  repository.publish()
  const asked = repository.requests.length
  for (const name of [
    'git.example/sql/go""od',
    "git.example/sql/go'od",
    'git.example/sql/%s%n%s',
    'git.example/sql/g\u043eod',
    'git.example/sql/good\u200b',
    '\u0261it.example/sql/good',
    'git.example/sql/\u202edoog',
    'git.example\\sql/good',
    'git.example/sql/good;DROP',
    'git.example/sql/good -- x',
    'git.example/sql/../sql/good',
    'git.example//good',
    '/git.example/sql/good',
    'git.example/sql/good/',
  ]) {
    await fails(`CREATE EXTENSION "${name}"`, { code: '42602', message: /invalid extension full name/, detail: /./ })
  }
  t.is(repository.requests.length, asked)
  for (const name of ['%s%s%n', "go'od", 'g\u043eod', 'good\u200b', '$(id)', '`id`']) {
    await fails(`CREATE EXTENSION "${name}"`, { code: '42704', message: /is not available/ })
  }
  await fails('CREATE EXTENSION "Good"', { code: '42704', message: /"Good" is not available/ })
})

test.serial('a plain role may call nothing that asks the sidecar, and write no record', async (t) => {
  const { session, database, fails } = await setScene(t, stage)
  await session.query('CREATE EXTENSION pginstall')
  const plain = await stage.cluster.connect({ database, user: 'plain' })
  const before = stage.sidecar.log()
  const functions = await session.query(
    `SELECT proname AS name, pronargs AS count FROM pg_proc WHERE pronamespace = 'pginstall'::regnamespace`,
  )
  t.true(functions.length >= 8)
  for (const { name, count } of functions) {
    // All of them take text, if anything.
    const call = `pginstall.${name}(${Array(count).fill("''").join()})`
    await fails(`SELECT * FROM ${call}`, { code: '42501', message: /permission denied for function/ }, plain)
  }
  const settings = await session.query(`SELECT name FROM pg_settings WHERE name LIKE 'pginstall.%'`)
  t.true(settings.length >= 6)
  for (const { name } of settings) {
    t.regex((await plain.errorOf(`SET ${name} TO DEFAULT`))?.code ?? 'none', /^(42501|55P02)$/, String(name))
  }
  for (const sql of [
    `INSERT INTO pginstall.record VALUES (1, 'x', 'a.b/x', '1', '', '')`,
    'DELETE FROM pginstall.record',
    'UPDATE pginstall.installed SET full_name = NULL',
    'CREATE TABLE pginstall.x ()',
    'DROP EXTENSION pginstall',
    `SET dynamic_library_path = '/tmp'`,
    `SET session_preload_libraries = ''`,
    `LOAD 'good--git.example+sql+good'`,
    `CREATE FUNCTION f() RETURNS int4 LANGUAGE c AS 'good--git.example+sql+good', 'good'`,
  ]) {
    const error = await plain.errorOf(sql)
    t.regex(error?.code ?? 'none', /^(42501|55P02|55000)$/, `${sql}: ${error?.message}`)
  }
  t.deepEqual(await plain.query('SELECT * FROM pginstall.installed'), [])
  t.is(stage.sidecar.log(), before)
})

test.serial('a role without rights makes nobody ask the network, however often it tries', async (t) => {
  const { repository, session, database } = await setScene(t, stage)
  await repository.add(archive)
  repository.publish()
  await session.query(`CREATE ROLE flooder LOGIN; GRANT CREATE ON DATABASE ${database} TO flooder`)
  const flooders = await Promise.all(
    Array.from({ length: 8 }, () => stage.cluster.connect({ database, user: 'flooder' })),
  )
  const codes = await Promise.all(
    flooders.map(async ({ errorOf }) => {
      const seen = new Set<string | undefined>()
      for (let i = 0; i < 50; i++)
        seen.add((await errorOf(i % 2 ? 'CREATE EXTENSION good' : 'CREATE EXTENSION "git.example/sql/good"'))?.code)
      return [...seen]
    }),
  )
  t.deepEqual([...new Set(codes.flat())], ['42501'])
  t.deepEqual(repository.requests, [])
})

test.serial('an owner of the database who prepares schema, table or operators gains nothing', async (t) => {
  const { repository, session, database } = await setScene(t, stage)
  await repository.add(archive)
  repository.publish()
  await session.query(
    `CREATE ROLE preparer LOGIN; ALTER DATABASE ${database} OWNER TO preparer; GRANT ALL ON SCHEMA public TO preparer`,
  )
  const preparer = await stage.cluster.connect({ database, user: 'preparer' })
  await preparer.query(`
    CREATE TABLE public.seen (who text);
    CREATE FUNCTION public.trap(text, text) RETURNS bool LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO public.seen VALUES (current_user); RETURN true; END $$;
    CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.trap);
    CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO public.seen VALUES (current_user); RETURN pg_catalog.now(); END $$;
    ALTER DATABASE ${database} SET search_path = public, pg_catalog`)
  const victim = await stage.cluster.connect({ database })
  await victim.query('CREATE EXTENSION good')
  await victim.query(
    `SELECT * FROM pginstall.installed; SELECT * FROM pginstall.search('x'); SELECT * FROM pginstall.status()`,
  )
  t.deepEqual(await victim.query(`SELECT who FROM public.seen`), [])
  t.deepEqual(await victim.query('SELECT full_name FROM pginstall.installed'), [{ full_name: 'git.example/sql/good' }])
})

test.serial('a schema pginstall that somebody else has made is refused', async (t) => {
  const { repository, session, database, fails } = await setScene(t, stage)
  await repository.add(archive)
  repository.publish()
  await session.query(`CREATE ROLE squatter LOGIN; GRANT CREATE ON DATABASE ${database} TO squatter`)
  const squatter = await stage.cluster.connect({ database, user: 'squatter' })
  await squatter.query('CREATE SCHEMA pginstall; CREATE TABLE pginstall.record (x int)')
  const error = await session.errorOf('CREATE EXTENSION good')
  t.truthy(error?.code)
  t.deepEqual(await session.query(`SELECT extname FROM pg_extension WHERE extname IN ('good', 'pginstall')`), [])
  await session.query('DROP SCHEMA pginstall CASCADE')
  await session.query('CREATE EXTENSION good')
  await fails('CREATE EXTENSION good', { code: '42710', message: /already exists/ })
})

test.serial(
  'CREATE EXTENSION in a function of a superuser is the superuser’s, and of the caller the caller’s',
  async (t) => {
    const { repository, session, database, fails } = await setScene(t, stage)
    await repository.add(archive)
    repository.publish()
    await session.query(`
    CREATE FUNCTION definer() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN CREATE EXTENSION good; END $$;
    CREATE FUNCTION invoker() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE EXTENSION good; END $$`)
    const plain = await stage.cluster.connect({ database, user: 'plain' })
    await fails('SELECT invoker()', { code: '42501', message: /permission denied/ }, plain)
    t.deepEqual(repository.requests, [])
    await session.query('SET ROLE plain')
    await fails('CREATE EXTENSION good', { code: '42501', message: /permission denied/ })
    await session.query('RESET ROLE')
    await plain.query('SELECT definer()')
    t.deepEqual(await session.query('SELECT good()'), [{ good: 1 }])
  },
)

test.serial('settings given at connection start replace none of the server’s', async (t) => {
  const { database } = await setScene(t, stage)
  const connect = (user: string, options: string) =>
    stage.cluster.psql('SHOW pginstall.socket', { database, user, args: ['-At'], options })
  for (const options of [
    '-c pginstall.socket=/tmp/x',
    '-c PgInstall.timeout=9',
    '-c pginst\\all.prefer=x.y/z',
    '--pginstall.directory=/tmp',
  ]) {
    const { status, output } = connect('plain', options)
    t.not(status, 0, options)
    t.regex(output, /permission denied to set parameter "pginstall/, output)
  }
  t.regex(connect('plain', '-c work_mem=1MB').output, /run\/sidecar\n$/)
})

test.serial('an event trigger of our statement gets from PostgreSQL what PostgreSQL has', async (t) => {
  const { repository, session } = await setScene(t, stage)
  const evil = await forgeArchive(stage.directory.path, {
    fullName: 'evil.example/sql/hstore',
    control: `default_version = '1.0'\n`,
    script: 'CREATE FUNCTION evil() RETURNS int4 LANGUAGE sql AS $$ SELECT 1 $$;',
  })
  await repository.add(archive)
  await repository.add(evil)
  repository.publish()
  await session.query(`
    CREATE FUNCTION more() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
      BEGIN CREATE EXTENSION hstore; EXCEPTION WHEN OTHERS THEN NULL; END; END $$;
    CREATE EVENT TRIGGER more ON ddl_command_end WHEN TAG IN ('CREATE EXTENSION') EXECUTE FUNCTION more()`)
  await session.query('CREATE EXTENSION good')
  t.deepEqual(await session.query(`SELECT proname FROM pg_proc WHERE proname = 'evil'`), [])
})
