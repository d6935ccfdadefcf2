// The commands for the extensions of a database, as a person or a script types them.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import test from 'ava'
import { packagePath } from '../../src/adapters/package-root.ts'
import { runPginstall } from '../helpers/command.ts'
import { writeSourceTree } from '../helpers/source-trees.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

type Release = { version: string; installable: boolean }

let stage: Stage

test.before(async () => {
  stage = await setStage()
  const { path } = stage.directory
  const tree = (name: string, version: string, control = '') =>
    writeSourceTree(path, {
      name,
      version,
      control,
      sql: `CREATE FUNCTION ${name}() RETURNS int LANGUAGE sql AS 'SELECT 1';`,
    })
  stage.publish(tree('apple', '1.9'), ['git.example/a/apple'])
  stage.publish(tree('apple', '1.10'), ['git.example/a/apple'])
  stage.publish(tree('pear', '1.0'), ['git.example/a/pear', 'git.example/b/pear'])
  stage.publish(
    tree('salad', '2.0', "requires = 'apple'"),
    ['git.example/a/salad'],
    '--requires',
    'apple=git.example/a/apple',
  )
})

test.after.always(() => stage?.close())

function shell(t: { title: string }) {
  const database = t.title.replace(/[^a-z]+/gi, '_').slice(0, 60)
  stage.cluster.psql(`CREATE DATABASE "${database}"`)
  const options = ['-h', stage.cluster.socketDirectory, '-U', 'postgres', '-d', database]
  return {
    database,
    psql: (sql: string) => stage.cluster.psql(sql, { database, args: ['-At'] }).output.trim(),
    run: (command: string, ...args: string[]) => runPginstall(stage.configDirectory, [command, ...options, ...args]),
    json: (command: string, ...args: string[]) =>
      JSON.parse(runPginstall(stage.configDirectory, [command, ...options, '--json', ...args]).stdout),
  }
}

test('install creates, shows the notices, counts, and may be typed again', (t) => {
  const { run, psql } = shell(t)
  const first = run('install', 'apple', 'git.example/b/pear')
  t.is(first.status, 0, first.stderr)
  t.is(
    first.stdout,
    'installed: apple 1.10 (git.example/a/apple)\n' +
      'installed: pginstall 0.2\n' +
      'installed: pear 1.0 (git.example/b/pear)\n' +
      '2 installed, 0 there already, 0 failed\n',
  )
  t.regex(first.stderr, /^NOTICE: {2}found extension apple, version 1\.10, at stage$/m)
  t.is(psql('SELECT apple() + pear()'), '2')
  const again = run('install', 'apple')
  t.is(again.status, 0)
  t.is(again.stdout, 'there already: apple 1.10 (git.example/a/apple)\n0 installed, 1 there already, 0 failed\n')
})

test('one that fails leaves the others, says why, and is the exit status', (t) => {
  const { run, json, psql } = shell(t)
  const mixed = run('install', 'pear', 'apple=1.9')
  t.is(mixed.status, 1)
  t.regex(mixed.stderr, /^pginstall: error: extension short name "pear" matches several providers$/m)
  t.regex(mixed.stderr, /^DETAIL: .*git\.example\/a\/pear/m)
  t.regex(mixed.stderr, /^HINT: /m)
  t.regex(mixed.stderr, /^SQLSTATE: PI001$/m)
  t.regex(mixed.stdout, /^1 installed, 0 there already, 1 failed$/m)
  t.is(psql(`SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension`), 'apple pginstall plpgsql')
  const [pear, apple] = json('install', 'pear', 'apple')
  t.like(pear, { extension: 'pear', outcome: 'failed', extensions: [], error: { sqlstate: 'PI001' } })
  t.like(apple, {
    outcome: 'present',
    extensions: [{ name: 'apple', version: '1.9', full_name: 'git.example/a/apple' }],
  })
})

test('what is there in another version or of another provider is not what was asked for', (t) => {
  const { run, json } = shell(t)
  t.is(run('install', 'apple=1.9', 'git.example/a/pear').status, 0)
  const [version, provider] = json('install', 'apple=1.10', 'git.example/b/pear')
  t.like(version, { outcome: 'failed', error: { sqlstate: '42710', detail: 'It has version "1.9", not "1.10".' } })
  t.like(provider, { outcome: 'failed', error: { sqlstate: '42710' } })
  const [removed] = json('remove', 'git.example/b/pear')
  t.like(removed, {
    outcome: 'failed',
    error: { sqlstate: '42710', detail: '"git.example/a/pear" is installed, not "git.example/b/pear".' },
  })
})

test('schema and cascade are those of the statement', (t) => {
  const { run, json, psql } = shell(t)
  psql('CREATE SCHEMA "Two Words"')
  t.is(run('install', 'salad').status, 1)
  const [salad] = json('install', '--cascade', '--schema', 'Two Words', 'salad')
  t.deepEqual(
    salad.extensions.map(({ name }: { name: string }) => name),
    ['salad', 'apple', 'pginstall'],
  )
  t.is(psql(`SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'salad'`), '"Two Words"')
})

test('remove drops by either name, refuses dependents unless cascading, and may be typed again', (t) => {
  const { run, json } = shell(t)
  t.is(run('install', '--cascade', 'salad').status, 0)
  const refused = run('remove', 'apple')
  t.is(refused.status, 1)
  t.regex(refused.stderr, /SQLSTATE: 2BP01/)
  const [dropped] = json('remove', '--cascade', 'git.example/a/apple')
  t.is(dropped.outcome, 'removed')
  t.deepEqual(
    dropped.extensions.map(({ name }: { name: string }) => name),
    ['apple', 'salad'],
  )
  const again = run('remove', 'apple')
  t.is(again.status, 0)
  t.is(again.stdout, '0 removed, 1 not there, 0 failed\n')
})

test('search, info, outdated and status show what the server knows', (t) => {
  const { run, json, database } = shell(t)
  const unready = run('search', 'apple')
  t.is(unready.status, 1)
  t.regex(unready.stderr, new RegExp(`HINT: .*pginstall install pginstall --database ${database}$`, 'm'))
  t.is(run('install', 'apple=1.9', 'pginstall').status, 0)
  t.regex(run('search', 'a/a').stdout, /^git\.example\/a\/apple {2}1\.10 +stage +yes +made for a test$/m)
  t.is(json('search').extensions.length, 4)
  t.deepEqual(json('search', 'nothing has this'), { extensions: [], more: 0 })
  t.like(json('info', 'apple'), {
    installed: { full_name: 'git.example/a/apple', version: '1.9', repository: 'stage' },
    builtin: null,
    available: [{ version: '1.10', installable: true }],
  })
  t.deepEqual(
    json('info', 'apple').available[0].releases.map(({ version, installable }: Release) => [version, installable]),
    [
      ['1.10', true],
      ['1.9', true],
    ],
  )
  t.regex(run('info', 'salad').stdout, /^VERSION +RUNS HERE +NEEDS\n2\.0 +yes +any PostgreSQL, extension apple$/m)
  t.is(json('info', 'hstore').builtin.name, 'hstore')
  t.is(json('info', 'pear').available.length, 2)
  t.regex(run('info', 'git.example/a/apple').stdout, /^installed: +git\.example\/a\/apple\nversion: +1\.9$/m)
  t.regex(run('info', 'git.example/a/none').stderr, /SQLSTATE: 42704/)
  t.deepEqual(json('outdated'), [
    { name: 'apple', full_name: 'git.example/a/apple', installed: '1.9', available: '1.10', repository: 'stage' },
  ])
  t.regex(run('outdated').stdout, /^git\.example\/a\/apple {2}1\.9 +1\.10 +stage$/m)
  t.like(json('status'), { target: 'main', directory: stage.state, repositories: [{ name: 'stage' }] })
  t.regex(run('status').stdout, /^stage +[0-9]+ +20.*Z +20.*Z +http/m)
})

test('the connection is found as psql finds it', (t) => {
  const { database } = shell(t)
  const environment = { PGHOST: stage.cluster.socketDirectory, PGUSER: 'postgres', PGDATABASE: database }
  const run = (...args: string[]) => runPginstall(stage.configDirectory, args, 60_000, environment)
  t.is(run('install', 'apple').status, 0)
  t.regex(run('remove', '-d', 'no_such', 'apple').stderr, /SQLSTATE: 3D000/)
  const elsewhere = run('remove', '--host', '/nowhere', '--port', '7', 'apple')
  t.is(elsewhere.status, 1)
  t.regex(elsewhere.stderr, /DETAIL: It was asked for database ".*" at \/nowhere, port 7, as "postgres"\./)
  t.regex(run('remove', '-p', 'x', 'apple').stderr, /SQLSTATE: 22023/)
  t.is(run('install').status, 2)
  t.is(run('install', '--help').status, 0)
})

test('a name that is none ends the command before anything is done', (t) => {
  const { run, psql } = shell(t)
  const refused = run('install', 'apple', 'a"b; DROP TABLE x--')
  t.is(refused.status, 1)
  t.regex(refused.stderr, /SQLSTATE: 42602/)
  t.is(psql(`SELECT count(*) FROM pg_extension WHERE extname = 'apple'`), '0')
})

test('what a stranger put where our functions belong is not run by who only looks', (t) => {
  const { run, psql } = shell(t)
  psql(`CREATE ROLE stranger; CREATE SCHEMA pginstall AUTHORIZATION stranger; CREATE TABLE public.caught (who text);
    GRANT INSERT ON public.caught TO PUBLIC; GRANT CREATE ON SCHEMA public TO stranger; SET ROLE stranger;
    CREATE FUNCTION pginstall.trap() RETURNS text LANGUAGE sql AS $$ INSERT INTO public.caught VALUES (current_user) RETURNING who $$;
    CREATE VIEW pginstall.installed AS SELECT pginstall.trap() AS name, '' AS full_name, '' AS version, '' AS digest,
      '' AS repository, now() AS installed_at;
    CREATE FUNCTION public.lower(name) RETURNS text LANGUAGE sql AS $$ SELECT pginstall.trap() $$`)
  run('install', 'hstore')
  run('info', 'hstore')
  run('search', 'x')
  t.is(psql('SELECT count(*) FROM public.caught'), '0')
  t.is(psql(`SELECT count(*) FROM pg_extension WHERE extname = 'hstore'`), '1')
})

test('a signal cancels the statement at the server and is the exit status', async (t) => {
  const { database, psql } = shell(t)
  // A lock that CREATE EXTENSION waits for.
  const blocker = await stage.cluster.connect({ database })
  await blocker.query('BEGIN; LOCK TABLE pg_extension IN ACCESS EXCLUSIVE MODE')
  const program = packagePath('dist/src/cli/main.js')
  const args = ['remove', '-h', stage.cluster.socketDirectory, '-U', 'postgres', '-d', database, 'plpgsql']
  const child = spawn(process.execPath, [program, ...args], { stdio: 'ignore' })
  const waiting = `SELECT count(*) FROM pg_stat_activity WHERE datname = '${database}' AND wait_event_type = 'Lock'`
  while (stage.cluster.psql(waiting, { args: ['-At'] }).output.trim() === '0') await new Promise(setImmediate)
  child.kill('SIGINT')
  const [status] = await once(child, 'exit')
  t.is(status, 130)
  while (stage.cluster.psql(waiting, { args: ['-At'] }).output.trim() !== '0') await new Promise(setImmediate)
  await blocker.query('ROLLBACK')
  t.is(psql(`SELECT count(*) FROM pg_extension WHERE extname = 'plpgsql'`), '1')
})

test('a server that goes away ends the command with its own error', async (t) => {
  const directory = stage.directory.make('deaf')
  chmodSync(directory, 0o755)
  const server = createServer((socket) => socket.destroy()).listen(join(directory, '.s.PGSQL.5432'))
  t.teardown(() => server.close())
  await once(server, 'listening')
  const program = packagePath('dist/src/cli/main.js')
  const child = spawn(process.execPath, [program, 'remove', '-h', directory, '-U', 'x', 'a', 'b'])
  let errors = ''
  child.stderr.on('data', (text) => {
    errors += text
  })
  const [status] = await once(child, 'close')
  t.is(status, 1)
  t.regex(errors, /SQLSTATE: 58000/)
  t.is(errors.match(/error:/g)?.length, 1)
})
