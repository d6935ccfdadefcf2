import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { findUser } from '../../src/adapters/privileges.ts'
import { runProcess } from '../../src/adapters/process.ts'
import { PginstallError } from '../../src/model/errors.ts'
import { isRoot, serviceUser } from '../helpers/os-users.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const directory = makeTemporaryDirectory('process')
test.after.always(() => directory.remove())

const signal = new AbortController().signal
const options = { signal, timeoutMs: 30_000 }
const sh = (script: string, more: Partial<Parameters<typeof runProcess>[2]> = {}) =>
  runProcess('sh', ['-c', script], { ...options, ...more })

test('answers with standard output', async (t) => {
  t.deepEqual(await runProcess('printf', ['%s|', 'a b', '$(id)', '*'], options), { stdout: 'a b|$(id)|*|' })
})

test('an environment of its own, not ours', async (t) => {
  process.env.PGINSTALL_TEST_SECRET = 'x'
  t.is((await sh('echo "$PGINSTALL_TEST_SECRET$HOME"')).stdout, '\n')
  t.is((await sh('echo "$A"', { env: { PATH: '/usr/bin:/bin', A: 'b' } })).stdout, 'b\n')
})

test('fails with the status and the end of standard error', async (t) => {
  const error = await t.throwsAsync(sh('seq 100000 >&2; echo why >&2; exit 3'), { instanceOf: PginstallError })
  t.is(error?.sqlstate, '58030')
  t.is(error?.message, 'program "sh" exited with status 3')
  t.true(error?.detail?.endsWith('100000\nwhy'))
  t.true((error?.detail?.length ?? 0) <= 4096)
})

test('fails with the signal that ended it', async (t) => {
  await t.throwsAsync(sh('kill -KILL $$'), { message: 'program "sh" was ended by signal SIGKILL' })
})

test('a program that is not there', async (t) => {
  await t.throwsAsync(runProcess('/nowhere/x', [], options), { message: /^could not run program "\/nowhere\/x": / })
})

test('passes lines of both streams on as they come', async (t) => {
  const lines: string[] = []
  t.is((await sh('echo a; echo b >&2; printf c', { onLine: (line) => lines.push(line) })).stdout, '')
  t.deepEqual(lines.sort(), ['a', 'b', 'c'])
})

test('an error of the listener ends the program and comes through', async (t) => {
  const onLine = () => {
    throw new Error('disk full')
  }
  await t.throwsAsync(sh('echo a; exec sleep 60', { onLine }), { message: 'disk full' })
})

test('a time limit ends it', async (t) => {
  await t.throwsAsync(sh('exec sleep 60', { timeoutMs: 50 }), { message: /did not end within 0.05 s/ })
})

test('a time limit ends one that ignores SIGTERM', async (t) => {
  await t.throwsAsync(sh("trap '' TERM; while :; do sleep 0.1; done", { timeoutMs: 50 }), { message: /did not end/ })
})

test('too much output ends it', async (t) => {
  await t.throwsAsync(sh('yes', { maxOutputBytes: 10_000 }), { message: 'program "sh" wrote more than 10000 bytes' })
})

test('an abort ends it with all that it started', async (t) => {
  const controller = new AbortController()
  const pidFile = join(directory.path, 'pid')
  const running = sh(`sleep 60 & echo $! > '${pidFile}'; echo ready; wait`, {
    signal: controller.signal,
    onLine: () => controller.abort(),
  })
  const error = await t.throwsAsync(running, { instanceOf: PginstallError })
  t.is(error?.sqlstate, '57014')
  t.true(isGone(readFileSync(pidFile, 'utf8').trim()))
})

test('what it leaves behind ends with it', async (t) => {
  const { stdout } = await sh('sleep 60 & echo $!')
  t.true(isGone(stdout.trim()))
})

test('an abort beforehand starts nothing', async (t) => {
  const file = join(directory.path, 'started')
  await t.throwsAsync(sh(`touch '${file}'`, { signal: AbortSignal.abort() }), { message: 'program "sh" was canceled' })
  t.false(existsSync(file))
})

const asAnother = test.macro(async (t) => {
  const { uid, gid } = findUser(serviceUser)
  t.is((await sh('id -u; id -G', { user: { uid, gid } })).stdout, `${uid}\n${gid}\n`)
})
if (isRoot) test('runs as another user, without our groups', asAnother)
else test.skip('runs as another user, without our groups (only root can)', asAnother)

test('a line without an end is passed on in pieces', async (t) => {
  const lengths: number[] = []
  await sh('head -c 1000000 /dev/zero | tr "\\0" x', { onLine: (line) => lengths.push(line.length) })
  t.true(lengths.length > 1)
  t.is(
    lengths.reduce((sum, length) => sum + length, 0),
    1_000_000,
  )
})

const daemon = test.macro(async (t) => {
  const { uid, gid } = findUser(serviceUser)
  const { stdout } = await sh('setsid sleep 61.25 >/dev/null 2>&1 & echo "$(id -u)"; sleep 0.2', {
    user: { uid, gid },
    contained: true,
  })
  t.is(stdout, `${uid}\n`)
  const { stdout: left } = await runProcess('ps', ['-eo', 'args'], options)
  t.false(left.includes('sleep 61.25'))
})
const daemonTitle = 'a daemon with a session of its own ends with a contained program'
const hasNamespaces = spawnSync('unshare', ['--pid', '--fork', '--', 'true']).status === 0
if (isRoot && hasNamespaces) test(daemonTitle, daemon)
else test.skip(`${daemonTitle} (needs root and PID namespaces)`, daemon)

/** Gone, or dead and not yet waited for by whoever inherited it. */
function isGone(pid: string): boolean {
  const stat = `/proc/${pid}/stat`
  return !existsSync(stat) || readFileSync(stat, 'utf8').includes(') Z ')
}
