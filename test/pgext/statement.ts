// From the statement to the request: whose business it is, the whole name, and rights before anything is asked.
import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import test from 'ava'
import type pg from 'pg'
import { packagePath } from '../../src/adapters/package-root.ts'
import { answers, type Scene, setScene } from './helpers/scripted-sidecar.ts'
import { loadTestModule } from './helpers/test-module.ts'

const long = `a-host-with-a-name-of-its-own.example/${'a-long-segment-'.repeat(4)}x/prefix`
/** What a refusing sidecar is asked and answers: enough where only the request matters. */
const refuse = answers({ error: { sqlstate: 'PI001', message: 'refused' } })
let scene: Scene

test.before(async () => {
  scene = await setScene()
})

test.after.always(() => scene?.close())

test.beforeEach(() => scene.sidecar.behave(refuse))

test.serial('a name that the parser cuts is read whole from the statement', async (t) => {
  const { client, errorOf } = await scene.cluster.connect()
  const body = `EXECUTE format('CREATE EXTENSION %I', '${long}')`
  const statements = [
    `CREATE EXTENSION "${long}"`,
    `create\textension/* a "comment" /* in another */ */"${long}"CASCADE`,
    `-- CREATE EXTENSION "x.example/y"\nCREATE EXTENSION -- "not this"\n IF NOT EXISTS "${long}" WITH VERSION '1'`,
    `SELECT 1; SELECT '"'; CREATE EXTENSION "${long}"; SELECT 2`,
    `DO $$ BEGIN ${body}; END $$`,
    `DO $$ BEGIN CREATE EXTENSION "${long}"; END $$`,
    `CREATE FUNCTION pg_temp.create_it() RETURNS void LANGUAGE sql AS $$ SELECT 1; CREATE EXTENSION "${long}" $$;
     SELECT pg_temp.create_it()`,
    `CREATE EXTENSION U&"${long.replace('.', '\\002E').replaceAll('/', '\\+00002f')}" VERSION '1'`,
    `CREATE EXTENSION u&"${long.replace('prefix', '!0070refix')}" UESCAPE /* not '?' */ '!'`,
    // Since 19 strings are standard for ever.
    `SELECT set_config('standard_conforming_strings', 'off', false)
       WHERE current_setting('server_version_num')::int < 190000; CREATE EXTENSION U&"${long.replace('.', '!002e')}" UESCAPE '!'`,
    `CREATE OR REPLACE TRUSTED LANGUAGE "${long}"`,
  ]
  for (const statement of statements) t.is((await errorOf(statement))?.code, 'PI001', statement)
  await t.throwsAsync(client.query({ name: 'prepared', text: statements[0] as string }), { message: 'refused' })
  t.deepEqual(
    scene.sidecar.requests.map(({ extension }) => extension),
    Array(statements.length + 1).fill(long),
  )
})

test.serial('a short name cut out of a longer one is not asked for', async (t) => {
  const { errorOf } = await scene.cluster.connect()
  const short = 's'.repeat(63)
  await errorOf(`CREATE EXTENSION ${short}`)
  await errorOf(`CREATE EXTENSION "${short}"`)
  t.deepEqual(
    scene.sidecar.requests.map(({ extension }) => extension),
    [short, short],
  )
  // These are PostgreSQL's own matter, and it says so; before 14, as a file that it could not open.
  for (const name of [`${short}s`, `"${short}s"`])
    t.regex((await errorOf(`CREATE EXTENSION ${name}`))?.code ?? 'none', /^(0A000|58P01)$/)
  t.is(scene.sidecar.requests.length, 2)
})

test.serial('a name that is cut is told of once, by the parser', async (t) => {
  const { errorOf, notices } = await scene.cluster.connect()
  const before = scene.cluster.log()
  await errorOf(`SET log_min_messages = notice; CREATE EXTENSION "${long}"`)
  t.is(notices.filter((notice) => notice.includes('will be truncated')).length, 1, notices.join('\n'))
  // Parsed before SET, run after it.
  t.notRegex(scene.cluster.log().slice(before.length), /will be truncated/)
})

test.serial('a name that is read again may have any character, and over 150 bytes are refused', async (t) => {
  const { errorOf } = await scene.cluster.connect()
  const cases: [string, string][] = [
    [`"${long}""/é"`, `${long}"/é`],
    [`U&"${long}\\0022/\\\\\\00e9\\D83D\\DE00"`, `${long}"/\\é😀`],
    [`U&"${long}??+01F600/x" UESCAPE '?'`, `${long}?+01F600/x`],
  ]
  for (const [written, name] of cases) {
    const error = await errorOf(`CREATE EXTENSION ${written}`)
    t.is(error?.code, '42602')
    t.is(error?.message, `invalid extension full name: "${name}"`)
  }
  t.is((await errorOf(`CREATE EXTENSION "${long.padEnd(151, 'x')}"`))?.code, '42622')
  t.deepEqual(scene.sidecar.requests, [])
})

test.serial('a name that cannot be read whole is refused', async (t) => {
  const session = await scene.cluster.connect()
  await loadTestModule(session, scene.installation, scene.directory.path)
  const run = (statement: string, shown: string | null) =>
    session.client.query('SELECT test_run_statement($1, $2)', [statement, shown])
  const cases: [string, (string | null)[]][] = [
    [
      `CREATE EXTENSION "${long}"`,
      [
        'CREATE EXTENSION',
        `CREATE EXTENSION "${long.replace('-host-', '-hose-')}"`,
        `CREATE EXTENSION "${long}", prefix`,
        `CREATE EXTENSION U&"${long}\\00"`,
        `CREATE EXTENSION U&"${long}" UESCAPE`,
        `SELECT 'CREATE EXTENSION "${long}"'`,
      ],
    ],
    [`CREATE EXTENSION IF NOT EXISTS "${long}"`, [`CREATE EXTENSION "${long}"`]],
    [`DROP EXTENSION prefix, "${long}"`, [`DROP EXTENSION "${long}"`, `DROP EXTENSION "${long}", prefix`]],
    [`COMMENT ON EXTENSION "${long}" IS NULL`, [`COMMENT ON TABLE "${long}" IS NULL`]],
    [`ALTER INDEX i DEPENDS ON EXTENSION "${long}"`, [`ALTER INDEX i DEPENDS ON EXTENSION "${long}" x`, ';']],
  ]
  for (const [statement, texts] of cases) {
    for (const text of [null, '', 'SELECT 1', ...texts]) {
      const error = await t.throwsAsync<pg.DatabaseError>(run(statement, text), undefined, `${statement} in ${text}`)
      t.is(error?.code, '42622', `${statement} in ${text}: ${error?.message}`)
      t.truthy(error?.hint)
    }
  }
  t.deepEqual(scene.sidecar.requests, [])
  // Where it is there, it is read; and where nothing is cut, nobody needs it.
  await t.throwsAsync(run(`CREATE EXTENSION "${long}"`, `  CREATE EXTENSION "${long}"; SELECT 1`), {
    message: 'refused',
  })
  await t.throwsAsync(run('CREATE EXTENSION "x.example/short"', null), { message: 'refused' })
  t.is(scene.sidecar.requests.length, 2)
})

test.serial('names and versions that break the grammar are refused, each with the rule', async (t) => {
  const { errorOf } = await scene.cluster.connect()
  const cases: [string, RegExp][] = [
    ['"GitHub.com/dim/prefix"', /lower case/],
    ['"github.com/../prefix"', /"\.\."/],
    ['"github.com/dim/"', /empty/],
    ['"https://github.com/dim/prefix"', /leave it out/],
    ['"x.example/a""b"', /other than/],
    [`"x.example/prefix" VERSION '../1'`, /Versions/],
    [`prefix VERSION '1--2'`, /Versions/],
  ]
  for (const [rest, detail] of cases) {
    const error = await errorOf(`CREATE EXTENSION ${rest}`)
    t.is(error?.code, '42602', rest)
    t.regex(error?.detail ?? '', detail)
  }
  for (const name of ['""', '"a--b"', '"-a"']) {
    const error = await errorOf(`CREATE EXTENSION ${name}`)
    t.true(error !== undefined && error.code !== 'PI001', name)
  }
  t.deepEqual(scene.sidecar.requests, [])
})

test.serial('what PostgreSQL has, or the database, is not asked for', async (t) => {
  const { errorOf, notices } = await scene.cluster.connect()
  t.is(await errorOf('CREATE EXTENSION hstore'), undefined)
  t.is((await errorOf('CREATE EXTENSION hstore'))?.code, '42710')
  t.is(await errorOf('CREATE EXTENSION IF NOT EXISTS hstore'), undefined)
  t.deepEqual(notices, ['extension "hstore" already exists, skipping'])
  for (const clause of ['', 'IF NOT EXISTS ']) {
    const error = await errorOf(`CREATE EXTENSION ${clause}"x.example/hstore"`)
    t.is(error?.code, '42710')
    t.regex(error?.detail ?? '', /did not come through pginstall/)
  }
  t.deepEqual(scene.sidecar.requests, [])
  await errorOf('DROP EXTENSION hstore')
})

test.serial('rights come before the request', async (t) => {
  const admin = await scene.cluster.connect()
  await admin.query('CREATE ROLE plain LOGIN')
  const { errorOf } = await scene.cluster.connect({ user: 'plain' })
  const denied = await errorOf('CREATE EXTENSION "x.example/wanted"')
  t.is(denied?.code, '42501')
  t.is(denied?.message, 'permission denied for database postgres')
  const readOnly = await admin.errorOf('BEGIN READ ONLY; CREATE EXTENSION "x.example/wanted"')
  t.is(readOnly?.code, '25006')
  t.deepEqual(scene.sidecar.requests, [])
})

test.serial('the request says who asks, for what and where, as the schema has it', async (t) => {
  const admin = await scene.cluster.connect()
  await admin.query(`
    CREATE ROLE asking LOGIN; CREATE ROLE "gro""up" ROLE asking; CREATE ROLE unrelated;
    CREATE ROLE closed; CREATE ROLE noinherit NOINHERIT LOGIN IN ROLE closed;
    GRANT CREATE ON DATABASE postgres TO asking, noinherit;
    ALTER DATABASE postgres SET pginstall.prefer = 'x.example/**, "y.example/*/a"'`)
  const { errorOf } = await scene.cluster.connect({ user: 'asking' })
  await errorOf(`CREATE EXTENSION "x.example/wanted" WITH SCHEMA public VERSION '1.5' CASCADE`)
  await (await scene.cluster.connect({ user: 'noinherit' })).errorOf('CREATE EXTENSION wanted')
  await (await scene.cluster.connect()).errorOf('CREATE EXTENSION wanted')
  const [asking, noinherit, superuser] = scene.sidecar.requests
  t.like(asking, { extension: 'x.example/wanted', version: '1.5', cascade: true, superuser: false })
  t.deepEqual(asking?.roles, ['asking', 'gro"up'])
  t.deepEqual(asking?.prefer, ['x.example/**', 'y.example/*/a'])
  t.deepEqual(asking?.installed, [{ name: 'plpgsql' }])
  t.deepEqual(noinherit?.roles, ['noinherit'])
  t.like(superuser, { extension: 'wanted', cascade: false, superuser: true, roles: [] })
  t.false('version' in (superuser as object))

  const schema = JSON.parse(readFileSync(packagePath('protocol/socket.schema.json'), 'utf8'))
  const check = new Ajv({ allowUnionTypes: true })
    .addSchema(schema, 'socket')
    .getSchema('socket#/definitions/create_extension')
  for (const request of scene.sidecar.requests) t.true(check?.(request), JSON.stringify(check?.errors))
})

test.serial('a database in another encoding speaks UTF-8 to the sidecar', async (t) => {
  const admin = await scene.cluster.connect()
  await admin.query(`CREATE DATABASE "sépare" ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`)
  const { errorOf, query } = await scene.cluster.connect({ database: 'sépare' })
  await query(`SET client_encoding = 'UTF8'`)
  scene.sidecar.behave(answers({ error: { sqlstate: 'PI001', message: 'prêt' } }))
  t.is((await errorOf('CREATE EXTENSION "géo"'))?.message, 'prêt')
  t.is(scene.sidecar.requests[0]?.extension, 'géo')
  scene.sidecar.behave(answers({ error: { sqlstate: 'PI001', message: '→' } }))
  t.like(await errorOf('CREATE EXTENSION wanted'), { code: '58000' })
})

test.serial('settings that would not work are refused', async (t) => {
  const { errorOf } = await scene.cluster.connect()
  for (const setting of ["prefer = 'a//b'", "prefer = 'x.example/**/y'", 'timeout = -1']) {
    t.is((await errorOf(`SET pginstall.${setting}`))?.code, '22023', setting)
  }
  for (const setting of [
    "socket = 'relative'",
    `socket = '/${'s'.repeat(108)}'`,
    "directory = '/'",
    "sidecar_user = ''",
  ]) {
    t.is((await errorOf(`ALTER SYSTEM SET pginstall.${setting}`))?.code, '22023', setting)
  }
  const plain = await scene.cluster.connect({ user: 'plain' })
  t.is((await plain.errorOf("SET pginstall.prefer = 'x.example/**'"))?.code, '42501')
  t.is((await plain.errorOf('SET pginstall.timeout = 0'))?.code, '42501')
})
