// Strangers and rubbish at the sidecar's socket: refused or cut off, while the server's own requests go on being served.
import { execFileSync } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import test from 'ava'
import corpus from '../../protocol/corpus/requests.json' with { type: 'json' }
import { isRoot } from '../helpers/os-users.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

let stage: Stage
let path: string
const status = corpus.find(({ valid }) => valid)?.line as string

test.before(async () => {
  stage = await setStage()
  path = join(stage.directory.path, 'run', 'sidecar')
})

test.after.always(() => stage?.close())

/** What the sidecar answers to these bytes, until it hangs up. */
function say(...pieces: (string | Buffer)[]): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect(path, () => {
      for (const piece of pieces) socket.write(piece)
    })
    socket.on('data', (chunk) => {
      answer += chunk
    })
    // A reset is a way to hang up, too.
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(answer))
  })
}

async function serves(): Promise<boolean> {
  return (await say(status, '\n')).includes('"result"')
}

const asRoot = isRoot ? test.serial : test.serial.skip

asRoot('another OS user gets no answer, though anybody may connect', async (t) => {
  const script = `
    process.setgroups([]); process.setgid(54321); process.setuid(54321)
    const socket = require('node:net').connect(process.argv[1], () => socket.write(process.argv[2] + '\\n'))
    socket.on('data', (chunk) => process.stdout.write(chunk)).on('error', () => {})`
  const answer = execFileSync(process.execPath, ['-e', script, path, status], { encoding: 'utf8', timeout: 10_000 })
  t.is(answer, '')
  t.regex(stage.sidecar.log(), /"uid":54321.*refused a peer/)
  t.true(await serves())
})

for (const [title, bytes] of [
  ['no JSON', 'GET / HTTP/1.1\r\n'],
  ['NULs', '\0\0\0\0\n'],
  ['a NUL inside', '{"protocol":1,\0"request":"status"}\n'],
  ['what is no UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x0a])],
  ['UTF-16', Buffer.from(`${status}\n`, 'utf16le')],
  ['deep nesting', `${'['.repeat(500_000)}\n`],
  ['a prototype', '{"__proto__":{"protocol":1},"request":"status"}\n'],
  ['a number without end', `{"protocol":${'9'.repeat(500_000)}}\n`],
] as const) {
  test.serial(`${title} is answered with an error or not at all`, async (t) => {
    t.regex(await say(bytes), /^$|^\{"error":\{"sqlstate":"42601".*\}\n$/)
    t.true(await serves())
  })
}

test.serial('a line of more than a megabyte is cut off', async (t) => {
  t.notRegex(await say('{"protocol":1,"request":"', 'x'.repeat(3 * 1024 * 1024)), /"result"/)
  t.true(await serves())
})

test.serial('only the first line counts', async (t) => {
  const answer = await say(`${status}\n${status}\n${status}\n`)
  t.is(answer.split('\n').filter((line) => line.includes('"result"')).length, 1)
})

test.serial('those who dawdle keep nobody else waiting, and are cut off', async (t) => {
  const idle: Socket[] = []
  const gone = Array.from({ length: 200 }, () => {
    const socket = connect(path)
    idle.push(socket)
    socket.write('{')
    return new Promise<void>((resolve) => socket.on('error', () => undefined).on('close', () => resolve()))
  })
  t.true(await serves())
  const database = await stage.cluster.connect()
  t.is((await database.errorOf('CREATE EXTENSION nosuch'))?.code, '42704')
  await Promise.all(gone)
  t.true(await serves())
})

test.serial('those who hang up at once do no harm', async (t) => {
  await Promise.all(
    Array.from(
      { length: 300 },
      () =>
        new Promise<void>((resolve) => {
          const socket = connect(path, () => socket.destroy())
          socket.on('error', () => undefined).on('close', () => resolve())
        }),
    ),
  )
  t.true(await serves())
})
