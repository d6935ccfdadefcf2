// doctor, on a machine where all is well, and then with one thing after the other broken.
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import test, { type ExecutionContext } from 'ava'
import { packagePath } from '../../src/adapters/package-root.ts'
import { runPginstall, writeSettings } from '../helpers/command.ts'
import { isRoot, serviceUser } from '../helpers/os-users.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

let stage: Stage

test.before(async () => {
  stage = await setStage()
})

test.after.always(() => stage?.close())

type Finding = { check: string; state: string; message: string; hint?: string }

/** Settings as the stage has them, changed by a line or two. */
function scene(t: ExecutionContext, changes: Record<string, string> = {}) {
  const directory = join(stage.directory.make(t.title.replace(/[^a-z]+/gi, '-')), 'etc')
  cpSync(stage.configDirectory, directory, { recursive: true })
  const file = join(directory, 'pginstall.conf')
  const lines = Object.entries(changes).map(([name, value]) => `${name} = '${value}'\n`)
  writeFileSync(file, readFileSync(file, 'utf8') + lines.join(''))
  const connect = ['-h', stage.cluster.socketDirectory, '-U', 'postgres', '-d', 'postgres']
  return {
    directory,
    run: (...args: string[]) => runPginstall(directory, ['doctor', ...connect, ...args]),
    /** What is wrong, or worth a warning. */
    faults(args: string[] = [], environment: Record<string, string> = {}): Finding[] {
      const { status, stdout, stderr } = runPginstall(
        directory,
        ['doctor', ...connect, '--json', ...args],
        60_000,
        environment,
      )
      const findings = JSON.parse(stdout) as Finding[]
      t.is(status, findings.some(({ state }) => state === 'error') ? 1 : 0, stderr)
      return findings.filter(({ state }) => state !== 'ok')
    },
  }
}

/** As root, sidecar and server are two users and all is well; else they are the caller, which is one warning. */
const always = isRoot ? [] : ['users']

function checksOf(findings: Finding[]): string[] {
  return findings.map(({ check }) => check).filter((check) => !always.includes(check))
}

test('where all is well, each line is ok and so is the exit status', (t) => {
  const { run, faults } = scene(t)
  t.deepEqual(checksOf(faults()), [])
  const { status, stdout } = run()
  t.is(status, 0)
  for (const check of [
    'settings',
    'PostgreSQL',
    'extension',
    'directory',
    'disk',
    'sidecar',
    'proxies',
    'server',
    'module',
  ])
    t.regex(stdout, new RegExp(`^ok +${check}: `, 'm'))
  t.regex(stdout, /^ok +repository stage: .* signed by the key that is pinned$/m)
  t.regex(stdout, /^ok +clock: agrees/m)
})

test('settings that cannot be read end it, with file and line', (t) => {
  const { faults } = scene(t, { listen_port: 'many' })
  const [finding, ...others] = faults()
  t.deepEqual(others, [])
  t.regex(finding?.message ?? '', /pginstall\.conf" contains an error in line \d+/)
})

test('a sidecar that cannot read its settings is not told to start', (t) => {
  // Its own settings are those of the stage; the command has a copy.
  const { faults } = scene(t)
  writeSettings(stage.configDirectory, 'grants/broken', { extensions: 'git.example/**' })
  const found = faults()
  rmSync(join(stage.configDirectory, 'grants'), { recursive: true })
  const sidecar = found.find(({ check }) => check === 'sidecar')
  t.regex(sidecar?.message ?? '', /grants\/broken\.conf" contains an error: there is no "role"$/)
  t.regex(sidecar?.hint ?? '', /^Add a line: role = /)
})

test('an installation that is none, and one without our extension', (t) => {
  const none = scene(t, { pg_config: '/nowhere/pg_config' }).faults()
  t.deepEqual(checksOf(none), ['PostgreSQL'])
  t.regex(none.find(({ check }) => check === 'PostgreSQL')?.hint ?? '', /pginstall config pg_config/)
  const fake = stage.directory.make('fake')
  const script = join(fake, 'pg_config')
  writeFileSync(script, `#!/bin/sh\n${stage.installation.path} | sed 's#^PKGLIBDIR = .*#PKGLIBDIR = ${fake}#'\n`)
  chmodSync(script, 0o755)
  const [missing] = scene(t, { pg_config: script })
    .faults()
    .filter(({ check }) => check === 'extension')
  t.is(missing?.message, `there is no ${fake}/pginstall.so`)
  t.is(missing?.hint, `pginstall setup --pg-config ${script}`)
})

test('users and directories', (t) => {
  const [user] = scene(t, { user: 'no_such_user' }).faults()
  t.like(user, { check: 'users', state: 'error', message: 'there is no OS user "no_such_user"' })
  const missing = scene(t, { directory: '/nowhere' })
    .faults()
    .find(({ check }) => check === 'directory')
  t.is(missing?.hint, `install -d -o ${serviceUser} -m 755 /nowhere`)
  const open = stage.directory.make('open', serviceUser)
  chmodSync(open, 0o777)
  const writable = scene(t, { directory: open })
    .faults()
    .find(({ check }) => check === 'directory')
  t.is(writable?.hint, `chmod go-w ${open}`)
  chmodSync(open, 0o700)
  const closed = scene(t, { directory: open })
    .faults()
    .find(({ check }) => check === 'directory')
  t.is(closed?.hint, `chmod o+rx ${open}`)
})

test('a sidecar that is not there, or serves something else', (t) => {
  const [absent, module] = scene(t, { socket: '/nowhere/sidecar' })
    .faults()
    .filter(({ check }) => !always.includes(check))
  t.like(absent, { check: 'sidecar', state: 'error' })
  t.regex(absent?.hint ?? '', /^Start it: /)
  t.regex(module?.message ?? '', /^pginstall\.socket is ".*", the sidecar has "\/nowhere\/sidecar"$/)
  const other = scene(t, { target: 'other' }).faults()
  t.regex(
    other.find(({ check }) => check === 'sidecar')?.message ?? '',
    /it serves target "main" .* the settings say "other"/,
  )
})

test('proxies that only the shell has are named, and their passwords are not', (t) => {
  const secret = { no_proxy: '127.0.0.1', https_proxy: 'http://ann:secret@proxy.example:3128' }
  const [finding] = scene(t)
    .faults([], secret)
    .filter(({ check }) => check === 'proxies')
  t.like(finding, { state: 'warning' })
  t.regex(finding?.message ?? '', /https_proxy/)
  t.notRegex(JSON.stringify(finding), /secret/)
})

test('repositories: none, unreachable, and signed by another key', (t) => {
  const [none] = scene(t, { repositories: '' })
    .faults()
    .filter(({ check }) => check === 'repositories')
  t.is(none?.state, 'warning')
  const wrongKey = scene(t)
  const key = `ed25519:${Buffer.alloc(32, 1).toString('base64')}`
  writeSettings(wrongKey.directory, 'repositories/stage', { uri: stage.repository.uri, key })
  const [refused] = wrongKey.faults().filter(({ check }) => check === 'repository stage')
  t.regex(refused?.message ?? '', /^index is not signed by a key that is trusted/)
  t.regex(refused?.hint ?? '', /^Compare .* "pginstall server status"/)
  const away = scene(t)
  writeSettings(away.directory, 'repositories/stage', { uri: 'http://127.0.0.1:1/', key })
  const [unreachable] = away.faults().filter(({ check }) => check === 'repository stage')
  t.regex(unreachable?.message ?? '', /^could not transfer/)
  t.regex(unreachable?.hint ?? '', /proxy/)
})

test('a clock that is an hour off is seen by that of a repository', async (t) => {
  const index = await (await fetch(new URL('index/current.json', stage.repository.uri))).text()
  const late = new Date(Date.now() - 3_600_000).toUTCString()
  const server = createServer((_request, response) => response.setHeader('date', late).end(index))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { directory } = scene(t)
  const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  writeSettings(directory, 'repositories/stage', { uri, key: stage.repository.publicKey })
  // Not by spawnSync: the server that answers is in this process.
  const program = packagePath('dist/src/cli/main.js')
  const child = spawn(process.execPath, [program, 'doctor', '--json'], {
    env: { ...process.env, PGINSTALL_CONFIG_DIR: directory },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const clock = (JSON.parse(await text(child.stdout)) as Finding[]).find(({ check }) => check === 'clock')
  t.like(clock, { state: 'error', message: 'it is 60 minutes ahead of that of repository stage' })
  t.regex(clock?.hint ?? '', /timedatectl/)
})

test('a server whose sessions lack the module, or do not find modules', (t) => {
  const made =
    stage.cluster.psql(`CREATE ROLE unhooked SUPERUSER LOGIN; ALTER ROLE unhooked SET session_preload_libraries = 'auto_explain';
    CREATE ROLE lost SUPERUSER LOGIN; ALTER ROLE lost SET dynamic_library_path = '$libdir';
    CREATE ROLE plain LOGIN`)
  t.is(made.status, 0, made.output)
  const { faults } = scene(t)
  const module = (role: string) => faults(['-U', role]).find(({ check }) => check === 'module')
  t.like(module('unhooked'), { state: 'error', message: 'sessions of the server do not load pginstall' })
  t.regex(module('lost')?.hint ?? '', /^dynamic_library_path = '\$libdir:.*\/main\/lib' in postgresql\.conf/)
  t.is(module('plain')?.state, 'warning')
  const [away] = faults(['-h', '/nowhere']).filter(({ check }) => check === 'server')
  t.is(away?.state, 'warning')
})

const stranger = { uid: 1, gid: 1 }
// A clone below a directory of root's alone is out of reach for the stranger.
const reachable = isRoot && spawnSync('test', ['-r', packagePath('dist/src/cli/main.js')], stranger).status === 0
const asStranger = reachable ? test : test.skip

asStranger('somebody to whom the sidecar does not speak is told who may ask', (t) => {
  const { directory } = scene(t)
  const { stdout } = spawnSync(process.execPath, [packagePath('dist/src/cli/main.js'), 'doctor', '--json'], {
    ...stranger,
    env: {
      PGINSTALL_CONFIG_DIR: directory,
      PATH: process.env.PATH,
      PGHOST: stage.cluster.socketDirectory,
      PGUSER: 'postgres',
    },
    encoding: 'utf8',
  })
  const sidecar = (JSON.parse(stdout) as Finding[]).find(({ check }) => check === 'sidecar')
  t.like(sidecar, { state: 'warning', hint: 'Type this command as root or as "postgres".' })
})
