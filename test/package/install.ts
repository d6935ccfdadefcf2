// The package as people get it: packed, installed by npm below an empty prefix with an empty home, started from there.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { packagePath, packageVersion } from '../../src/adapters/package-root.ts'
import { writeSettings } from '../helpers/command.ts'
import { repositoryUser, serverUser, serviceUser } from '../helpers/os-users.ts'
import { defaultPgConfig } from '../helpers/private-installation.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const directory = makeTemporaryDirectory('package')
test.after.always(() => directory.remove())

let tarball: string

test.before('pack', () => {
  const output = run('npm', ['pack', '--json', '--pack-destination', directory.path], packagePath('.'))
  const [{ filename }] = JSON.parse(output.slice(output.indexOf('['))) as [{ filename: string }]
  tarball = join(directory.path, filename)
})

function run(program: string, args: string[], cwd: string, env: Record<string, string> = {}): string {
  return execFileSync(program, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  })
}

/** What an installation on a fresh machine has of ours: nothing but the way to the registry. */
function freshHome(name: string): Record<string, string> {
  const userconfig = run('npm', ['config', 'get', 'userconfig'], packagePath('.')).trim()
  return { HOME: directory.make(`${name}/home`), npm_config_userconfig: userconfig }
}

/** Installs a tarball; the prefix. */
function install(name: string, file: string, env: Record<string, string>): string {
  const prefix = directory.make(`${name}/prefix`)
  const options = ['--prefix', prefix, '--no-audit', '--no-fund']
  run('npm', ['install', '--global', ...options, file], directory.path, { ...freshHome(name), ...env })
  return prefix
}

/** Version, repository server and sidecar, from the installed package alone. */
async function checkWorks(t: ExecutionContext, name: string, prefix: string, addon: RegExp): Promise<void> {
  const etc = directory.make(`${name}/etc`)
  writeSettings(etc, 'pginstall', {
    pg_config: defaultPgConfig,
    user: serviceUser,
    repository_user: repositoryUser,
    server_directory: directory.make(`${name}/server`, repositoryUser),
    listen_port: '0',
    directory: directory.make(`${name}/state`, serviceUser),
    socket: join(directory.make(`${name}/run`, serviceUser), 's'),
    server_user: serverUser,
  })
  const env = { ...freshHome(name), PGINSTALL_CONFIG_DIR: etc }
  const program = join(prefix, 'bin', 'pginstall')
  const pginstall = (...args: string[]) => run(program, args, directory.path, env)
  t.is(pginstall('--version').trim(), packageVersion())
  pginstall('server', 'start')
  const { running, extensions } = JSON.parse(pginstall('server', 'status', '--json'))
  pginstall('server', 'stop')
  t.true(running)
  t.is(extensions, 0)
  const sidecar = spawn(program, ['sidecar'], { cwd: directory.path, env: { ...process.env, ...env } })
  t.teardown(() => sidecar.kill('SIGKILL'))
  let said = ''
  for await (const text of sidecar.stderr) {
    said += text
    if (said.includes('pginstall sidecar: listening on')) break
  }
  t.regex(said, /pginstall sidecar: listening on/)
  t.is(await askVersion(join(directory.path, name, 'run/s')), packageVersion())
  const maps = readFileSync(`/proc/${sidecar.pid}/maps`, 'utf8')
  t.regex(maps, addon)
  // Node.js itself may be the clone's, an addon must not.
  t.notRegex(maps, new RegExp(`${packagePath('')}.*\\.node$`, 'm'))
  const ended = once(sidecar, 'exit')
  sidecar.kill('SIGTERM')
  t.deepEqual(await ended, [0, null])
}

/** What the sidecar answers about itself; who asks it knows by the addon. */
async function askVersion(path: string): Promise<string> {
  const server = { version_num: 150000, abi_extra: '', block_size: 8192, wal_block_size: 8192, assertions: false }
  const socket = connect(path)
  socket.write(JSON.stringify({ protocol: 1, request: 'status', server }) + '\n')
  let answer = ''
  for await (const text of socket.setEncoding('utf8')) answer += text
  return JSON.parse(answer).result.version
}

test.serial('the tarball has what runs, and nothing that only a clone needs', (t) => {
  const files = run('tar', ['-tzf', tarball], directory.path)
    .split('\n')
    .map((file) => file.replace(/^package\//, ''))
  const wanted = [
    'bin/pginstall.cjs',
    'bin/node-fits.cjs',
    'dist/src/cli/main.js',
    'dist/pginstall.1',
    'binding.gyp',
    'native/binding.cc',
    'pgext/Makefile',
    'packaging/systemd/pginstall-sidecar@.service',
    'LICENSE',
  ]
  for (const file of wanted) t.true(files.includes(file), file)
  t.true(files.some((file) => /^prebuilds\/linux-[^/]+\/pginstall\.(glibc|musl)\.node$/.test(file)))
  t.deepEqual(
    files.filter((file) => /^(dist\/)?(test|scripts|bench|build)\/|\.(map|o|so|bc|ts)$/.test(file)),
    [],
  )
})

test.serial('npm installs it with the addon that is in it, where no compiler is', async (t) => {
  const prefix = install('prebuilt', tarball, { CC: 'false', CXX: 'false' })
  await checkWorks(t, 'prebuilt', prefix, /\/prebuilt\/prefix\/.*\/prebuilds\/.*\.node$/m)
  t.true(existsSync(join(prefix, 'share/man/man1/pginstall.1')))
  t.regex(readlinkSync(join(prefix, 'bin/pginstall')), /node_modules\/pginstall\/bin\/pginstall\.cjs$/)
})

test.serial('where no prebuilt addon fits, npm compiles it', async (t) => {
  const sources = directory.make('sources')
  run('tar', ['-xzf', tarball, '-C', sources], directory.path)
  rmSync(join(sources, 'package/prebuilds'), { recursive: true })
  const bare = join(sources, 'bare.tgz')
  run('tar', ['-czf', bare, '-C', sources, 'package'], directory.path)
  const prefix = install('compiled', bare, {})
  await checkWorks(t, 'compiled', prefix, /\/compiled\/prefix\/.*\/build\/Release\/.*\.node$/m)
  const refused = t.throws(() => install('neither', bare, { CC: 'false', CXX: 'false' }))
  t.truthy(refused, 'without a compiler there is an error, not half a package')
})
