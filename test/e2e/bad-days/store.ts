// The store's disk is full, has no inodes left, or takes no writes; two sidecars share one store.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { Manifest } from '../../../src/model/manifest.ts'
import { answer, type BadDay, beginBadDay, installs } from '../../helpers/bad-day.ts'
import { startPginstall, writeSettings } from '../../helpers/command.ts'
import { giveTo, isRoot, serverUser, serviceUser } from '../../helpers/os-users.ts'
import { gated } from '../../helpers/unreliable-repository.ts'

let day: BadDay

test.before(async () => {
  day = await beginBadDay()
  await day.repository.add(day.build({ name: 'other', sql: '' }))
  day.repository.publish()
})
test.afterEach.always((t) => day.unharmed(t))
test.after.always(() => day?.close())

const other = 'CREATE EXTENSION "git.example/other/other"'

/** The state directory is a file system of its own, with extension `answer` in the store. */
async function mounted(t: ExecutionContext, ...options: string[]): Promise<boolean> {
  if (!isRoot) {
    t.log('skipped: only root can mount file systems')
    t.pass()
    return false
  }
  await day.sidecar.stop()
  execFileSync('mount', ['-t', 'tmpfs', '-o', ['mode=755', ...options].join(','), 'tmpfs', day.state])
  giveTo(serviceUser, day.state)
  t.teardown(async () => {
    await day.sidecar.stop()
    execFileSync('umount', ['--lazy', day.state])
    await day.startSidecar()
  })
  await day.startSidecar()
  await installs(t, await day.session())
  return true
}

/** What is in the store installs; what is not is an error, and installs once the trouble is over. */
async function troubled(t: ExecutionContext, code: string, hint: RegExp, cure: () => void): Promise<void> {
  const session = await day.session()
  const error = await session.errorOf(other)
  t.is(error?.code, code, error?.message)
  t.regex(error?.message ?? '', /^could not place extension "other": /)
  t.regex(error?.hint ?? '', hint, error?.message)
  await installs(t, await day.session())
  await day.sidecar.stop()
  await day.startSidecar()
  await installs(t, await day.session())
  cure()
  await session.query(other)
}

test.serial('a full disk', async (t) => {
  if (!(await mounted(t, 'size=4m'))) return
  const ballast = join(day.state, 'ballast')
  t.throws(() => writeFileSync(ballast, Buffer.alloc(8 << 20)), { code: 'ENOSPC' })
  await troubled(t, '53100', /Free space/, () => rmSync(ballast))
})

test.serial('no inodes left', async (t) => {
  if (!(await mounted(t, 'nr_inodes=400'))) return
  const ballast = join(day.state, 'ballast')
  mkdirSync(ballast)
  t.throws(
    () => {
      for (let count = 0; ; count++) writeFileSync(join(ballast, String(count)), '')
    },
    { code: 'ENOSPC' },
  )
  await troubled(t, '53100', /inodes/, () => rmSync(ballast, { recursive: true }))
})

test.serial('a read-only store', async (t) => {
  if (!(await mounted(t, 'size=16m'))) return
  execFileSync('mount', ['-o', 'remount,ro', day.state])
  await troubled(t, '58030', /for writing/, () => execFileSync('mount', ['-o', 'remount,rw', day.state]))
})

test.serial('a second sidecar started on the store leaves alone what the first is at', async (t) => {
  await day.forget()
  const gate = gated()
  day.repository.behave(gate.behaviour)
  const session = await day.session()
  const created = session.errorOf(answer)
  await gate.reached
  const underWay = readdirSync(join(day.state, 'incoming'), { recursive: true }).length
  const second = await startSecond()
  t.true(readdirSync(join(day.state, 'incoming'), { recursive: true }).length > underWay)
  gate.open()
  t.is(await created, undefined)
  t.deepEqual(await session.query('SELECT answer()'), [{ answer: 42 }])
  t.is(await second.stop(), 0)
})

test.serial('two sidecars on one store place the same extension at the same time', async (t) => {
  await day.forget()
  const second = await startSecond()
  const gate = gated()
  day.repository.behave(gate.behaviour)
  const session = await day.session()
  const created = session.errorOf(answer)
  const placed = askFor('git.example/answer/answer', day.manifest.postgresql)
  while (day.repository.archivesAsked() < 2) await setTimeout(10)
  gate.open()
  t.is(await created, undefined)
  t.regex(await placed, /"result"/)
  t.deepEqual(await session.query('SELECT answer()'), [{ answer: 42 }])
  t.is(await second.stop(), 0)
})

test.serial('what a dead sidecar left half done is cleared away', async (t) => {
  await day.forget()
  const gate = gated()
  day.repository.behave(gate.behaviour)
  const session = await day.session()
  const ended = session.errorOf(answer)
  await gate.reached
  const [dead] = readdirSync(join(day.state, 'incoming'))
  await day.sidecar.stop('SIGKILL')
  t.is((await ended)?.code, '58000')
  gate.open()
  await day.startSidecar()
  t.false(readdirSync(join(day.state, 'incoming')).includes(dead as string))
  await installs(t, session)
})

function secondSocket(): string {
  return join(day.directory.make('run-second', serviceUser), 'sidecar')
}

/** All that the second sidecar answers: the cluster has the first one's socket. */
async function askFor(extension: string, server: Manifest['postgresql']): Promise<string> {
  const socket = connect(secondSocket())
  const request = { protocol: 1, request: 'create_extension', server, database: 'd', extension, cascade: false }
  socket.write(
    JSON.stringify({ ...request, superuser: true, roles: [], installed: [], prefer: [], preloaded: [] }) + '\n',
  )
  return text(socket)
}

/** With a socket of its own, on the same directory. */
function startSecond() {
  const configDirectory = day.directory.make('etc-second')
  writeSettings(configDirectory, 'pginstall', {
    ...day.settings,
    socket: secondSocket(),
    server_user: serverUser,
    target: 'second',
  })
  writeSettings(configDirectory, 'repositories/weak', { uri: day.repository.uri, key: day.repository.publicKey })
  return startPginstall(configDirectory, ['sidecar'], {
    ready: 'pginstall sidecar: listening on',
    logFile: join(day.directory.path, 'second.log'),
  })
}
