// The sidecar dies, freezes, raves, comes and goes; somebody else sits on its socket.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import test from 'ava'
import { answer, type BadDay, beginBadDay, installs } from '../../helpers/bad-day.ts'
import { isRoot, serverUser, serviceUser, spawnAs } from '../../helpers/os-users.ts'
import { gated } from '../../helpers/unreliable-repository.ts'

let day: BadDay

test.before(async () => {
  day = await beginBadDay()
})
test.beforeEach(() => day.forget())
test.afterEach.always((t) => day.unharmed(t))
test.after.always(() => day?.close())

test.serial('killed in the middle of a download: an error, and the next sidecar starts over', async (t) => {
  const gate = gated()
  day.repository.behave(gate.behaviour)
  const session = await day.session()
  const ended = session.errorOf(answer)
  await gate.reached
  await day.sidecar.stop('SIGKILL')
  const error = await ended
  t.is(error?.code, '58000')
  t.regex(error?.message ?? '', /hung up before it had answered/)
  t.is((await session.errorOf(answer))?.code, '58000')
  gate.open()
  await day.startSidecar()
  await installs(t, session)
})

test.serial(
  'stopped: statement_timeout ends the statement, and the session goes on when it is continued',
  async (t) => {
    const session = await day.session()
    process.kill(day.sidecar.pid, 'SIGSTOP')
    try {
      await session.query(`SET statement_timeout = '300ms'`)
      const error = await session.errorOf(answer)
      t.is(error?.code, '57014')
      t.regex(error?.message ?? '', /statement timeout/)
      await session.query('RESET statement_timeout')
    } finally {
      process.kill(day.sidecar.pid, 'SIGCONT')
    }
    await installs(t, session)
  },
)

test.serial('rubbish from its socket is an error, and no extension', async (t) => {
  const session = await day.session()
  await day.sidecar.stop()
  for (const rubbish of ['HTTP/1.1 200 OK', '{"result":{"exec_path":"/bin/sh"}}', '{"error":7}', '\\xff\\xfe']) {
    const other = await listenAsSidecar(day.socket, serviceUser, `socket.end(Buffer.from('${rubbish}\\n', 'latin1'))`)
    const error = await session.errorOf(answer)
    t.is(error?.code, '58000', `${rubbish}: ${error?.message}`)
    await other.stop()
  }
  await day.startSidecar()
  await installs(t, session)
})

test.serial('an impostor is told nothing, and cannot be mistaken for a sidecar that serves', async (t) => {
  if (!isRoot) {
    t.log('skipped: only root can be somebody else')
    return t.pass()
  }
  const session = await day.session()
  await day.sidecar.stop()
  const impostor = await listenAsSidecar(
    day.socket,
    'daemon',
    `socket.on('data', (chunk) => console.log('heard ' + chunk))`,
  )
  const error = await session.errorOf(answer)
  t.is(error?.code, '42501')
  t.regex(error?.message ?? '', /is not the pginstall sidecar/)
  await t.throwsAsync(day.startSidecar(), { message: /another sidecar listens/ })
  t.is(await impostor.stop(), 'listening\n')
  await day.startSidecar()
  await installs(t, session)
})

test.serial('restarted under load: errors that say so, then everything works', async (t) => {
  const sessions = await Promise.all(Array.from({ length: 8 }, () => day.session()))
  let over = false
  const codes = new Set<string | undefined>()
  let created = 0
  const load = sessions.map(async ({ query, errorOf }) => {
    while (!over) {
      const error = await errorOf(answer)
      if (error === undefined) {
        created++
        await query('DROP EXTENSION answer')
      } else {
        codes.add(error.code)
        t.regex(error.message, /hung up before it had answered|could not (connect|send) to the pginstall sidecar/)
      }
    }
  })
  for (const signal of ['SIGTERM', 'SIGKILL', 'SIGTERM'] as const) {
    const before = created
    while (created < before + 8) await new Promise((resolve) => setTimeout(resolve, 10))
    await day.sidecar.stop(signal)
    await day.startSidecar()
  }
  over = true
  await Promise.all(load)
  t.deepEqual([...codes], ['58000'])
  for (const session of sessions) await installs(t, session)
})

test.serial('two are started at once where one was killed: one serves, the other says why it does not', async (t) => {
  await day.sidecar.stop('SIGKILL')
  const starts = await Promise.allSettled([day.startSidecar(), day.startSidecar()])
  const refused = starts.flatMap((start) => (start.status === 'rejected' ? [String(start.reason)] : []))
  t.is(refused.length, 1)
  t.regex(refused[0] ?? '', /another sidecar listens|address already in use/)
  await installs(t, await day.session())
})

/** Some process listens where the sidecar should, and does that for whoever connects; `stop` tells what it printed. */
async function listenAsSidecar(path: string, user: string, action: string) {
  const { uid, gid } = user === serverUser ? {} : spawnAs(user)
  // It becomes that user by itself: the user need not be able to read where Node is.
  const become = uid === undefined ? '' : `process.setgroups([]); process.setgid(${gid}); process.setuid(${uid});`
  const script = `${become}
    const server = require('node:net').createServer((socket) => { socket.on('error', () => {}); ${action} })
    server.listen({ path: ${JSON.stringify(path)}, writableAll: true }, () => console.log('listening'))`
  const directory = dirname(path)
  const { mode } = statSync(directory)
  chmodSync(directory, 0o777)
  const child = spawn(process.execPath, ['-e', script], { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  await once(child.stdout, 'data')
  chmodSync(directory, mode)
  return {
    async stop() {
      child.kill('SIGKILL')
      await once(child, 'close')
      rmSync(path, { force: true })
      return output
    },
  }
}
