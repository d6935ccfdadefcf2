// While the hook waits for the sidecar: everything that ends the wait, and everything that can come instead of an answer.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import test from 'ava'
import type { DatabaseError } from 'pg'
import type { Session } from '../helpers/cluster.ts'
import { isRoot, spawnAs } from '../helpers/os-users.ts'
import { answers, type Scene, setScene } from './helpers/scripted-sidecar.ts'

const wanted = 'CREATE EXTENSION "x.example/wanted"'
let scene: Scene

test.before(async () => {
  scene = await setScene()
})

test.after.always(() => scene?.close())

/** A session that waits for a sidecar that says nothing; `ended` is the error the wait ends with. */
async function waiting(
  sql = wanted,
): Promise<{ session: Session; pid: number; ended: Promise<DatabaseError | undefined> }> {
  const session = await scene.cluster.connect()
  const [row] = await session.query('SELECT pg_backend_pid() AS pid')
  const asked = new Promise<void>((resolve) => scene.sidecar.behave(() => resolve()))
  const ended = session.errorOf(sql)
  await asked
  return { session, pid: Number(row?.pid), ended }
}

/** The sidecar sees that nobody waits any more. */
async function hungUp(): Promise<void> {
  for (const connection of scene.sidecar.connections) if (!connection.closed) await once(connection, 'close')
}

async function works(session: Session): Promise<boolean> {
  return (await session.query('SELECT 1 AS one'))[0]?.one === 1
}

test.serial('Ctrl-C ends the wait', async (t) => {
  const { session, pid, ended } = await waiting()
  await (await scene.cluster.connect()).query(`SELECT pg_cancel_backend(${pid})`)
  t.is((await ended)?.code, '57014')
  await hungUp()
  t.true(await works(session))
})

test.serial('statement_timeout ends the wait', async (t) => {
  const session = await scene.cluster.connect()
  scene.sidecar.behave(() => undefined)
  await session.query("SET statement_timeout = '100ms'")
  const error = await session.errorOf(wanted)
  t.is(error?.code, '57014')
  t.regex(error?.message ?? '', /statement timeout/)
  await hungUp()
  t.true(await works(session))
})

test.serial('pginstall.timeout ends the wait, notices or not', async (t) => {
  const session = await scene.cluster.connect()
  scene.sidecar.behave((socket) => {
    const tick = setInterval(() => socket.write('{"notice":{"message":"still at it"}}\n'), 20)
    socket.on('close', () => clearInterval(tick))
  })
  await session.query("SET pginstall.timeout = '150ms'")
  const error = await session.errorOf(wanted)
  t.is(error?.code, '57014')
  t.regex(error?.message ?? '', /pginstall\.timeout/)
  t.regex(error?.hint ?? '', /raise pginstall\.timeout/)
  t.true(session.notices.includes('still at it'))
  await hungUp()
})

test.serial('pg_terminate_backend ends the wait and the session', async (t) => {
  const { pid, ended } = await waiting()
  await (await scene.cluster.connect()).query(`SELECT pg_terminate_backend(${pid})`)
  t.is((await ended)?.code, '57P01')
  await hungUp()
  t.pass()
})

test.serial('notices are shown as they come, with detail and hint', async (t) => {
  const session = await scene.cluster.connect()
  const seen: unknown[] = []
  session.client.on('notice', ({ message, detail, hint }) => seen.push({ message, detail, hint }))
  const first = new Promise<void>((resolve) => session.client.once('notice', () => resolve()))
  scene.sidecar.behave((socket) => {
    socket.write('{"notice":{"message":"100%s done","detail":"%n.","hint":"Hold on."}}\n')
    // The rest only once the first has been shown, so it was shown during the wait.
    first.then(() =>
      answers({ notice: { message: 'é→😀' } }, { error: { sqlstate: 'PI001', message: 'm' } })(socket, { request: '' }),
    )
  })
  t.is((await session.errorOf(wanted))?.code, 'PI001')
  t.deepEqual(seen, [
    { message: '100%s done', detail: '%n.', hint: 'Hold on.' },
    { message: 'é→😀', detail: undefined, hint: undefined },
  ])
})

test.serial('an error is raised as it is; a class that is none becomes 58000', async (t) => {
  const session = await scene.cluster.connect()
  scene.sidecar.behave(answers({ error: { sqlstate: 'PI002', message: '%d', detail: 'D%s.', hint: 'H%n.' } }))
  const error = await session.errorOf(wanted)
  t.like(error, { code: 'PI002', message: '%d', detail: 'D%s.', hint: 'H%n.' })
  for (const sqlstate of ['00000', '01000', '02000']) {
    scene.sidecar.behave(answers({ error: { sqlstate, message: 'm' } }))
    t.is((await session.errorOf(wanted))?.code, '58000')
  }
})

test.serial('rubbish, half an answer and silence are errors, and the session lives', async (t) => {
  const session = await scene.cluster.connect()
  const cases: [string, Buffer | string, RegExp][] = [
    ['silence', '', /hung up before it had answered/],
    ['half a line', '{"result":', /hung up before it had answered/],
    ['a notice only', '{"notice":{"message":"m"}}\n', /hung up before it had answered/],
    ['rubbish', 'HTTP/1.1 200 OK\r\n\r\n', /does not answer as the protocol says/],
    ['NUL', Buffer.from('{"notice":{"message":"\0"}}\n'), /does not answer as the protocol says/],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22, 0x0a]), /does not answer as the protocol says/],
    ['a line without end', Buffer.alloc(3 << 20, 0x78), /does not answer as the protocol says/],
    ['deep nesting', '['.repeat(1 << 20) + '\n', /does not answer as the protocol says/],
  ]
  for (const [title, bytes, message] of cases) {
    scene.sidecar.behave((socket) => socket.end(bytes))
    const error = await session.errorOf(wanted)
    t.is(error?.code, '58000', title)
    t.regex(error?.message ?? '', message, title)
    t.true(await works(session), title)
  }
  t.deepEqual(await session.query(`SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'`), [])
})

test.serial('a sidecar that refuses before it has read is heard all the same', async (t) => {
  const refusing = join(scene.directory.path, 'run', 'refusing')
  const listener = listen(refusing, `socket.end('{"error":{"sqlstate":"42501","message":"not you"}}\\n')`)
  t.teardown(() => listener.kill())
  await once(listener.stdout, 'data')
  t.is((await askAt(refusing))?.message, 'not you')
})

test.serial('no sidecar is an error that says how to start one', async (t) => {
  const error = await askAt(join(scene.directory.path, 'run', 'nobody'))
  t.is(error?.code, '58000')
  t.regex(error?.message ?? '', /could not connect to the pginstall sidecar at ".*": No such file or directory/)
  t.regex(error?.hint ?? '', /systemctl start pginstall-sidecar/)
})

test.serial("another user's process is told nothing", async (t) => {
  if (!isRoot) {
    t.log('only root can start processes of other users')
    return t.pass()
  }
  const path = join(scene.directory.make('run/stranger', 'nobody'), 's')
  const listener = listen(path, `socket.on('data', (chunk) => console.log('heard ' + chunk))`, 'nobody')
  t.teardown(() => listener.kill())
  let output = ''
  listener.stdout.on('data', (chunk) => {
    output += chunk
  })
  await once(listener.stdout, 'data')
  const error = await askAt(path)
  t.is(error?.code, '42501')
  t.regex(error?.message ?? '', /is not the pginstall sidecar/)
  listener.kill()
  await once(listener, 'close')
  t.is(output, 'listening\n')
})

test.serial('a full backlog is waited for', async (t) => {
  const path = join(scene.directory.path, 'run', 'full')
  const listener = listen(path, `socket.end('{"error":{"sqlstate":"PI001","message":"at last"}}\\n')`)
  t.teardown(() => listener.kill('SIGKILL'))
  await once(listener.stdout, 'data')
  listener.kill('SIGSTOP')
  await fillBacklog(path)
  const impatient = await askAt(path, "SET statement_timeout = '150ms'")
  t.is(impatient?.code, '57014')
  const patient = askAt(path)
  listener.kill('SIGCONT')
  t.is((await patient)?.message, 'at last')
})

/** A process that listens at a path, with room for one waiting connection, and does that for each. */
function listen(path: string, action: string, user?: string) {
  // It becomes that user by itself: the user need not be able to read where Node is.
  const { uid, gid } = user === undefined ? {} : spawnAs(user)
  const become = uid === undefined ? '' : `process.setgroups([]); process.setgid(${gid}); process.setuid(${uid});`
  const script = `${become} require('node:net').createServer((socket) => { socket.on('error', () => {}); ${action} })
    .listen({ path: ${JSON.stringify(path)}, backlog: 1, writableAll: true }, () => console.log('listening'))`
  return spawn(process.execPath, ['-e', script], { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] })
}

/** The error of CREATE EXTENSION in a session that asks at that socket. */
async function askAt(socket: string, setting = 'SELECT') {
  const admin = await scene.cluster.connect()
  await admin.query(`ALTER SYSTEM SET pginstall.socket = '${socket}'`)
  await admin.query('SELECT pg_reload_conf()')
  try {
    for (;;) {
      const session = await scene.cluster.connect()
      const [row] = await session.query('SHOW pginstall.socket')
      if (row?.['pginstall.socket'] !== socket) continue
      await session.query(setting)
      return await session.errorOf(wanted)
    }
  } finally {
    await admin.query('ALTER SYSTEM RESET pginstall.socket')
    await admin.query('SELECT pg_reload_conf()')
  }
}

async function fillBacklog(path: string): Promise<void> {
  for (;;) {
    const socket = createConnection(path)
    const full = await new Promise<boolean>((resolve) => {
      socket.on('connect', () => resolve(false))
      socket.on('error', ({ message }) => resolve(message.includes('EAGAIN')))
    })
    socket.unref()
    if (full) return
  }
}
