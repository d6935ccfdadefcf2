// Local policy, rule by rule: what it refuses names the rule, and no byte is fetched for it.
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { Session } from '../helpers/cluster.ts'
import { runPginstall, writeSettings } from '../helpers/command.ts'
import { type Forgery, forgeArchive } from '../helpers/forged-archive.ts'
import { type Scene, setScene } from '../helpers/scene.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

let stage: Stage

test.before(async () => {
  stage = await setStage()
})

test.after.always(() => stage?.close())

const script = 'CREATE FUNCTION who() RETURNS text LANGUAGE sql AS $$ SELECT current_user::text $$;'

/** Serves versions of git.example/ours/NAME; each test has a name of its own, since the store keeps what was good. */
async function serve({ repository }: Scene, name: string, versions = ['1.0'], more: Partial<Forgery> = {}) {
  for (const version of versions) {
    const control = `default_version = '${version}'\n`
    const directory = stage.directory.make(`${name}-${version}`)
    const forgery = { fullName: `git.example/ours/${name}`, version, control, script, ...more }
    await repository.add(await forgeArchive(directory, forgery))
  }
  repository.publish()
}

/** With settings of the sidecar besides its repository. */
function configure(scene: Scene, settings: Record<string, string>): void {
  stage.configure({ repositories: scene.database, ...settings })
}

function grant(file: string, settings: Record<string, string>): void {
  writeSettings(stage.configDirectory, `grants/${file}`, settings)
}

/** Roles that may create in the scene's database, besides what policy says. */
async function makeRoles(scene: Scene, ...roles: string[]): Promise<void> {
  for (const role of roles) {
    await scene.session.query(`CREATE ROLE ${role} LOGIN;
      GRANT CREATE ON DATABASE ${scene.database} TO ${role}; GRANT CREATE ON SCHEMA public TO ${role}`)
  }
}

/** The statement works, and leaves the database as it was. */
async function works(t: ExecutionContext, session: Session, sql: string, role = 'postgres'): Promise<void> {
  t.is((await session.errorOf(`BEGIN; ${sql}`))?.message, undefined, sql)
  t.deepEqual(
    await session.query(`SELECT DISTINCT extowner::regrole::text AS owner FROM pg_extension
      WHERE extname NOT IN ('plpgsql', 'pginstall')`),
    [{ owner: role }],
    sql,
  )
  await session.query('ROLLBACK')
}

test.serial('what allow and deny refuse, superusers too, names the line, and nobody is asked for it', async (t) => {
  const scene = await setScene(t, stage)
  await serve(scene, 'ruled')
  const file = join(stage.configDirectory, 'pginstall.conf').replaceAll('.', '\\.')
  const denied = (rule: string) => ({
    code: '42501',
    message: /^permission denied to install extension "(git\.example\/ours\/)?ruled"$/,
    detail: new RegExp(`^Setting ${rule}$`),
    hint: /settings of pginstall/,
  })
  configure(scene, { deny: 'git.example/theirs/*, git.example/ours/**' })
  await scene.fails(
    'CREATE EXTENSION "git.example/ours/ruled"',
    denied(`"deny", line [0-9]+ of "${file}", has "git\\.example/ours/\\*\\*"\\.`),
  )
  configure(scene, { allow: 'git.example/theirs/ruled-not' })
  const allow = denied(`"allow", line [0-9]+ of "${file}", is "git\\.example/theirs/ruled-not"\\.`)
  await scene.fails('CREATE EXTENSION "git.example/ours/ruled"', allow)
  await scene.fails('CREATE EXTENSION ruled', allow)
  t.deepEqual(scene.repository.requests, [])
  configure(scene, { deny: 'git.example/*/ruled' })
  await scene.fails('CREATE EXTENSION ruled', { code: '42501', message: /denied/, detail: /"deny", line/ })
  t.false(scene.repository.requests.some((path) => path.startsWith('archives/')))
  configure(scene, {})
  await works(t, scene.session, 'CREATE EXTENSION ruled')
})

test.serial('what a required extension may be is policy’s to say as well', async (t) => {
  const scene = await setScene(t, stage)
  await serve(scene, 'needed')
  await serve(scene, 'needing', ['1.0'], {
    control: `default_version = '1.0'\nrequires = 'needed'\n`,
    requires: [{ name: 'needed', provider: 'git.example/ours/needed' }],
    script: '',
  })
  configure(scene, { deny: 'git.example/ours/needed' })
  await scene.fails('CREATE EXTENSION needing CASCADE', {
    code: '42501',
    message: /permission denied to install extension "git\.example\/ours\/needed"/,
  })
  t.false(scene.repository.requests.some((path) => path.startsWith('archives/')))
})

test.serial('pins hold an extension at their versions, when it is created and when it is updated', async (t) => {
  const scene = await setScene(t, stage)
  const updates = (from: string, to: string): Partial<Forgery> => ({
    files: { [`held/held--${from}--${to}.sql`]: { kind: 'script', content: 'SELECT 1;' } },
  })
  await serve(scene, 'held', ['1.2.9'])
  await serve(scene, 'held', ['1.2.10'], updates('1.2.9', '1.2.10'))
  await serve(scene, 'held', ['1.3'], updates('1.2.10', '1.3'))
  const version = `SELECT extversion FROM pg_extension WHERE extname = 'held'`
  const { session } = scene

  configure(scene, { pins: 'git.example/other/*=1.3, git.example/ours/held=1.2.9' })
  const refused = (asked: string) => ({
    code: '42501',
    message: new RegExp(`^permission denied to install version "${asked}" of extension "git.example/ours/held"$`),
    detail: /^Setting "pins", line [0-9]+ of ".*\/pginstall\.conf", holds it at 1\.2\.9\.$/,
  })
  await scene.fails(`CREATE EXTENSION "git.example/ours/held" VERSION '1.3'`, refused('1.3'))
  t.deepEqual(scene.repository.requests, [])
  await session.query('CREATE EXTENSION held')
  t.deepEqual(await session.query(version), [{ extversion: '1.2.9' }])
  await scene.fails(`ALTER EXTENSION held UPDATE TO '1.3'`, refused('1.3'))

  configure(scene, { pins: 'git.example/ours/*=1.2.*' })
  await session.query('ALTER EXTENSION held UPDATE')
  t.deepEqual(await session.query(version), [{ extversion: '1.2.10' }])
  t.deepEqual(await session.query(`SELECT version FROM pginstall.search('ours/held')`), [{ version: '1.2.10' }])

  configure(scene, { pins: 'git.example/ours/*=9.*' })
  await session.query('DROP EXTENSION held')
  await scene.fails('CREATE EXTENSION held', {
    code: '42704',
    message: /has no version at/,
    detail: /^Setting "pins", .*, holds it at 9\.\*\. There is none\.$/,
  })
  const found = `SELECT version, installable FROM pginstall.search('ours/held')`
  t.deepEqual(await session.query(found), [{ version: '1.3', installable: false }])
  const info = ['-h', stage.cluster.socketDirectory, '-U', 'postgres', '-d', scene.database, 'held']
  const shown = () => runPginstall(stage.configDirectory, ['info', ...info]).stdout
  t.regex(shown(), /^runs here: +not by policy$/m)
  t.regex(shown(), /^1\.2\.9 +not by policy/m)

  configure(scene, { deny: 'git.example/ours/held' })
  t.regex(shown(), /^runs here: +not by policy$/m)
  t.regex(shown(), /^1\.3 +not by policy/m)

  // What was refused a moment ago is not what the settings say now.
  configure(scene, {})
  await session.query('CREATE EXTENSION held')
  t.deepEqual(await session.query(version), [{ extversion: '1.3' }])
})

test.serial('trusted is for the roles that policy says, exactly, and runs as PostgreSQL’s own does', async (t) => {
  const scene = await setScene(t, stage)
  await serve(scene, 'mighty', ['1.0'], {
    control: `default_version = '1.0'\nsuperuser = true\n`,
    // Only a superuser may make one.
    script: 'CREATE FUNCTION who() RETURNS name LANGUAGE internal AS $$current_user$$;',
  })
  await serve(scene, 'meek', ['1.0'], { control: `default_version = '1.0'\nsuperuser = false\n` })
  await makeRoles(scene, 'trusting', 'plain', 'ungranted')
  grant('trusting', { role: 'trusting', extensions: 'git.example/ours/*', trusted: 'yes' })
  grant('plain', { role: 'plain', extensions: 'git.example/ours/*' })
  const as = (user: string) => stage.cluster.connect({ database: scene.database, user })
  const [trusting, plain, ungranted] = await Promise.all([as('trusting'), as('plain'), as('ungranted')])

  await scene.fails(
    'CREATE EXTENSION mighty',
    { code: '42501', message: /permission denied to create extension "mighty"/ },
    plain,
  )
  await works(t, plain, 'CREATE EXTENSION meek', 'plain')
  const before = scene.repository.requests.length
  const refused = {
    code: '42501',
    message: /permission denied to install extension/,
    detail: /^No grant in ".*\/grants" gives it to role "ungranted"\.$/,
  }
  await scene.fails('CREATE EXTENSION meek', refused, ungranted)
  await scene.fails('CREATE EXTENSION "git.example/ours/meek"', refused, ungranted)
  t.is(scene.repository.requests.length, before)

  await trusting.query('BEGIN; CREATE EXTENSION mighty')
  t.deepEqual(
    await trusting.query(`SELECT proowner::regrole::text AS function, extowner::regrole::text AS extension
      FROM pg_proc, pg_extension WHERE proname = 'who' AND extname = 'mighty'`),
    [{ function: 'postgres', extension: 'trusting' }],
  )
  await trusting.query('ROLLBACK')
})

test.serial('the current user of the statement counts, whoever has logged in', async (t) => {
  const scene = await setScene(t, stage)
  await serve(scene, 'current', ['1.0'], { control: `default_version = '1.0'\nsuperuser = false\n` })
  await makeRoles(scene, 'granted', 'member', 'stranger')
  await scene.session.query(`ALTER ROLE member NOINHERIT; GRANT granted TO member;
    CREATE ROLE heir LOGIN IN ROLE granted;
    CREATE FUNCTION install() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE EXTENSION current; END $$;
    ALTER FUNCTION install() OWNER TO granted; ALTER FUNCTION install() SECURITY DEFINER`)
  grant('granted', { role: 'granted', extensions: 'git.example/ours/current' })
  const as = (user: string) => stage.cluster.connect({ database: scene.database, user })
  const refused = (role: string) => ({
    code: '42501',
    message: /permission denied to install extension "current"/,
    detail: new RegExp(`gives it to role "${role}"`),
  })
  const create = 'CREATE EXTENSION current'
  const [member, heir, stranger] = await Promise.all([as('member'), as('heir'), as('stranger')])

  await works(t, heir, create, 'heir')
  await scene.fails(create, refused('member'), member)
  await works(t, member, `SET LOCAL ROLE granted; ${create}`, 'granted')
  await scene.fails(create, refused('stranger'), stranger)
  await works(t, stranger, 'SELECT install()', 'granted')
  // A superuser's session, and a function that a superuser calls, have the rights of the role they took on.
  await scene.fails(`SET ROLE stranger; ${create}`, refused('stranger'))
  await scene.session.query(`RESET ROLE; SET SESSION AUTHORIZATION stranger`)
  await scene.fails(create, refused('stranger'))
  await scene.session.query(`RESET SESSION AUTHORIZATION; ALTER FUNCTION install() OWNER TO stranger`)
  await scene.fails('SELECT install()', refused('stranger'))
  await works(t, scene.session, create)
})

test.serial(
  'pginstall.prefer: the first pattern that fits settles, whole segments only, and never beyond policy',
  async (t) => {
    const scene = await setScene(t, stage)
    const { session, fails } = scene
    const providers = ['git.example/a/tool', 'git.example/b/tool', 'git.example/b/deep/tool']
    for (const fullName of providers) await serve(scene, fullName, ['1.0'], { fullName })
    const ambiguous = (...names: string[]) => ({
      code: 'PI001',
      message: /several providers/,
      detail: new RegExp(`extensions ${names.map((name) => `"${name}"`).join('(?:, | and )')} match`),
    })
    const prefer = (patterns: string) => session.query(`SET pginstall.prefer = '${patterns}'`)
    const chosen = async (patterns: string, fullName: string) => {
      await prefer(patterns)
      await session.query('CREATE EXTENSION tool')
      t.deepEqual(await session.query('SELECT full_name FROM pginstall.installed'), [{ full_name: fullName }], patterns)
      await session.query('DROP EXTENSION tool')
    }
    await chosen('git.example/b/*, git.example/a/*', 'git.example/b/tool')
    await chosen('git.example/none/**, git.example/a/*, **', 'git.example/a/tool')
    await chosen('*/*/*/tool', 'git.example/b/deep/tool')
    for (const patterns of ['', 'git.example/none/**', 'git.example/*', 'git.exampl/**']) {
      await prefer(patterns)
      await fails('CREATE EXTENSION tool', ambiguous(...providers))
    }
    for (const patterns of ['b/tool', 'rubbish', 'git.example/b/*, tool'])
      await fails(`SET pginstall.prefer = '${patterns}'`, {
        code: '22023',
        message: /^invalid value for parameter/,
        detail: /^A pattern begins with a host/,
      })
    await prefer('git.example/b/**, git.example/a/tool')
    await fails('CREATE EXTENSION tool', ambiguous('git.example/b/tool', 'git.example/b/deep/tool'))

    configure(scene, { deny: 'git.example/a/tool' })
    await prefer('git.example/a/tool')
    await fails('CREATE EXTENSION tool', ambiguous('git.example/b/tool', 'git.example/b/deep/tool'))
    await prefer('git.example/a/tool, git.example/b/*')
    await session.query('CREATE EXTENSION tool')
    t.deepEqual(await session.query('SELECT full_name FROM pginstall.installed'), [{ full_name: 'git.example/b/tool' }])
  },
)
