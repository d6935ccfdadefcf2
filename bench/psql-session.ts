// A psql that stays open, so that what is timed is a statement in a session and not the making of one.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

export type PsqlSession = {
  /** Types lines at it. Resolves to the milliseconds until psql was through with all of them; throws when one failed. */
  run(lines: string): Promise<number>
  close(): Promise<void>
}

export type PsqlOptions = {
  socketDirectory: string
  database: string
  /** Of the server, for this session. */
  settings?: Record<string, string>
}

const limitMs = 120_000

export async function openPsql({ socketDirectory, database, settings = {} }: PsqlOptions): Promise<PsqlSession> {
  const flags = Object.entries(settings).map(([key, value]) => `-c ${key}=${value}`)
  const psql = spawn(
    'psql',
    ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', socketDirectory, '-U', 'postgres', '-d', database],
    {
      env: { ...process.env, PGOPTIONS: flags.join(' ') },
      stdio: ['pipe', 'ignore', 'pipe'],
    },
  )
  const ended = once(psql, 'close')
  psql.stderr.setEncoding('utf8')
  let count = 0
  const run = async (lines: string): Promise<number> => {
    // To standard error, which psql does not buffer; last, when everything before it is done.
    const mark = `done-${++count}`
    const started = performance.now()
    psql.stdin.write(`${lines}\n\\warn ${mark}\n`)
    await said(psql.stderr, ended, mark)
    return performance.now() - started
  }
  await run('SELECT 1;')
  return {
    run,
    async close() {
      psql.stdin.end()
      await ended
    },
  }
}

async function said(stream: NodeJS.ReadableStream, ended: Promise<unknown>, mark: string): Promise<void> {
  let text = ''
  const signal = AbortSignal.timeout(limitMs)
  await new Promise<void>((resolve, reject) => {
    const fail = (reason: string) => reject(new Error(`psql ${reason}:\n${text}`))
    const listen = (chunk: string) => {
      text += chunk
      if (!text.includes(mark)) return
      stream.off('data', listen)
      resolve()
    }
    stream.on('data', listen)
    signal.addEventListener('abort', () => fail(`took more than ${limitMs} ms`), { once: true })
    ended.then(() => fail('failed'))
  })
}
