// The commands, as users run them: pginstall server, pginstall upload.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { runPginstall, writeSettings } from '../helpers/command.ts'
import { isRoot, repositoryUser } from '../helpers/os-users.ts'
import { makeTemporaryDirectory, type TemporaryDirectory } from '../helpers/temporary-directory.ts'
import { makeArchive } from './helpers/archives.ts'
import { hasEnded, postmasterOf, until } from './helpers/processes.ts'
import { request } from './helpers/request.ts'

/** The command, with a configuration of its own; the server is stopped and everything removed at the end of the test. */
function setUpCommand(t: ExecutionContext): { directory: TemporaryDirectory; etc: string; data: string } {
  const directory = makeTemporaryDirectory('server')
  const etc = directory.make('etc')
  const data = join(directory.path, 'data')
  writeSettings(etc, 'pginstall', { repository_user: repositoryUser, server_directory: data, listen_port: '0' })
  t.teardown(() => {
    runPginstall(etc, ['server', 'stop'])
    directory.remove()
  })
  return { directory, etc, data }
}

type Status = { running: boolean; pid: number; uri: string; publicKey: string; archives: number }

function statusOf(etc: string): Status {
  return JSON.parse(runPginstall(etc, ['server', 'status', '--json']).stdout) as Status
}

test('starts, shows its status, takes uploads and stops by command', async (t) => {
  const { directory, etc, data } = setUpCommand(t)
  t.is(runPginstall(etc, ['server', 'status']).status, 3)
  t.regex(runPginstall(etc, ['server', 'stop']).stderr, /no repository server is running.*\nHINT: /)
  const started = runPginstall(etc, ['server', 'start'])
  t.is(started.status, 0, started.stderr)
  const status = statusOf(etc)
  t.like(status, { running: true, archives: 0 })
  t.regex(status.publicKey, /^ed25519:/)
  if (isRoot) t.not(statSync(`/proc/${status.pid}`).uid, 0, 'root is given up')
  const twice = runPginstall(etc, ['server', 'start'])
  t.deepEqual([twice.status, /a repository server is running.*\n.*\nHINT: /.test(twice.stderr)], [1, true])

  const archive = makeArchive({ fullName: 'x.example/y/sent' })
  const file = join(directory.path, archive.file)
  writeFileSync(file, archive.bytes)
  const sent = runPginstall(etc, ['upload', file])
  t.deepEqual([sent.status, sent.stdout], [0, `${archive.file}: published\n`], sent.stderr)
  t.is(runPginstall(etc, ['upload', '--server', status.uri, file]).stdout, `${archive.file}: was published already\n`)
  writeFileSync(file, makeArchive({ fullName: 'x.example/y/sent', salt: 'other' }).bytes)
  const refused = runPginstall(etc, ['upload', file])
  t.is(refused.status, 1)
  t.regex(
    refused.stderr,
    /already published with other content[\s\S]*HINT: Give a rebuild the next build number[\s\S]*SQLSTATE: 42710/,
  )
  t.is(statusOf(etc).archives, 1)
  t.regex(runPginstall(etc, ['server', 'status']).stdout, /extensions: 1, releases: 1, archives: 1/)

  const postmaster = postmasterOf(data)
  t.is(runPginstall(etc, ['server', 'stop']).status, 0)
  t.true(hasEnded(postmaster), 'the private cluster stops with the server')
  t.is(runPginstall(etc, ['server', 'status']).status, 3)
})

test('says why it does not start', (t) => {
  const { etc, directory, data } = setUpCommand(t)
  const settings = { repository_user: repositoryUser, server_directory: data, listen_port: '0' }
  writeSettings(etc, 'pginstall', { ...settings, pg_config: join(directory.path, 'nowhere') })
  const { status, stderr } = runPginstall(etc, ['server', 'start'])
  t.is(status, 1)
  t.regex(stderr, /could not run program ".*nowhere": there is none\nHINT: /)
  t.is(runPginstall(etc, ['server', 'status']).status, 3)
})

test('the token is not sent in clear text over a network, nor taken from a file that others can read', (t) => {
  const { etc, directory, data } = setUpCommand(t)
  const archive = makeArchive({ fullName: 'x.example/y/sent' })
  const file = join(directory.path, archive.file)
  writeFileSync(file, archive.bytes)
  const clear = runPginstall(etc, ['upload', '--server', 'http://repository.example/', file])
  t.deepEqual([clear.status, /clear text/.test(clear.stderr)], [1, true])
  const token = join(directory.path, 'token')
  writeSettings(etc, 'pginstall', { server_directory: data, admin_token_file: token })
  const upload = () => runPginstall(etc, ['upload', '--server', 'http://127.0.0.1:9/', file]).stderr
  t.regex(upload(), /there is no token.*\nHINT: .*admin_token_file/)
  writeFileSync(token, 'secret\n', { mode: 0o600 })
  t.regex(upload(), /\nHINT: .*server status/)
  chmodSync(token, 0o644)
  writeSettings(etc, 'pginstall', { server_directory: data, admin_token_file: token })
  const loose = runPginstall(etc, ['upload', '--server', 'http://127.0.0.1:9/', file])
  t.deepEqual([loose.status, /group or world access/.test(loose.stderr)], [1, true])
})

test('is killed in an upload, and starts again with everything that was published', async (t) => {
  const { etc, data } = setUpCommand(t)
  runPginstall(etc, ['server', 'start'])
  const { pid, uri } = statusOf(etc)
  const authorization = `Bearer ${readFileSync(join(data, 'admin-token'), 'utf8').trim()}`
  const done = makeArchive({ fullName: 'x.example/y/done' })
  const put = { method: 'PUT', headers: { authorization } }
  t.is((await request(uri, `/archives/${done.file}`, { ...put, body: done.bytes })).status, 201)

  const half = makeArchive({ fullName: 'x.example/y/half' })
  const headers = { authorization, 'content-length': half.bytes.length }
  const upload = httpRequest(new URL(`archives/${half.file}`, uri), { method: 'PUT', headers })
  const lost = once(upload, 'error')
  upload.write(half.bytes.subarray(0, 100))
  await until(() => readdirSync(join(data, 'archives', 'incoming')).length === 1)
  const postmaster = postmasterOf(data)
  process.kill(pid, 'SIGKILL')
  await lost
  await until(() => hasEnded(pid))
  t.is(runPginstall(etc, ['server', 'status']).status, 3)
  t.false(hasEnded(postmaster), 'the private cluster has been left behind')

  const again = runPginstall(etc, ['server', 'start'])
  t.is(again.status, 0, again.stderr)
  t.true(hasEnded(postmaster), 'and is not any more')
  const fresh = statusOf(etc)
  t.is(fresh.archives, 1)
  t.is((await request(fresh.uri, `/archives/${half.file}`, { ...put, body: half.bytes })).status, 201)
  t.is((await request(fresh.uri, `/archives/${done.file}`, { ...put, body: done.bytes })).status, 200)
})

test('takes a process with the same id for what it is: another', async (t) => {
  const { etc, data } = setUpCommand(t)
  runPginstall(etc, ['server', 'start'])
  const { pid } = statusOf(etc)
  process.kill(pid, 'SIGKILL')
  await until(() => hasEnded(pid))
  const other = spawn('sleep', ['60'])
  t.teardown(() => other.kill())
  const file = join(data, 'server.json')
  writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), pid: other.pid }))
  t.is(runPginstall(etc, ['server', 'status']).status, 3)
  t.is(runPginstall(etc, ['server', 'stop']).status, 1)
  t.is(other.exitCode, null)
  t.is(runPginstall(etc, ['server', 'start']).status, 0)
})
