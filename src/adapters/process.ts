// The one way to run a child process: argument vectors only, never a shell; never our own environment; every
// limit set.
import { type ChildProcess, spawn } from 'node:child_process'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { describeCause, PginstallError } from '../model/errors.ts'
import type { UserIds } from './privileges.ts'

export type ProcessOptions = {
  signal: AbortSignal
  /** Milliseconds. */
  timeoutMs: number
  /** The whole environment of the child; what every program needs, without. */
  env?: Record<string, string>
  cwd?: string
  /** Whom the child runs as, without supplementary groups; root only. */
  user?: UserIds
  /** Most bytes of standard output that are kept; more is an error. */
  maxOutputBytes?: number
  /** Called for each line of standard output and standard error, as it comes; standard output is then not kept. */
  onLine?: (line: string) => void
}

/** What every child needs to know: where programs are, and to speak English in UTF-8. */
export const plainEnvironment: Record<string, string> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C.UTF-8',
}

const defaultMaxOutputBytes = 16 * 1024 * 1024
const stderrTailBytes = 4096
/** From SIGTERM to SIGKILL. */
const graceMs = 2000

/**
 * Runs a program to its end. The child leads a process group, and the whole group is ended when the signal aborts, a limit is passed, or the
 * child leaves others behind: nothing that it started outlives the call.
 * @throws PginstallError io_error when it cannot be started, fails, or passes a limit; query_canceled when aborted
 */
export async function runProcess(
  command: string,
  args: string[],
  options: ProcessOptions,
): Promise<{ stdout: string }> {
  const { signal, timeoutMs, onLine, cwd, user } = options
  const what = basename(command)
  if (signal.aborted) throw canceled(what)
  const child = spawn(command, args, {
    env: options.env ?? plainEnvironment,
    detached: true,
    shell: false,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
    ...(user === undefined ? {} : user),
  })
  const broken: unknown[] = []
  const stop = (reason: unknown) => {
    broken.push(reason)
    endGroup(child)
  }
  const abort = () => stop(canceled(what))
  signal.addEventListener('abort', abort, { once: true })
  const late = () => stop(new PginstallError('io_error', `program "${what}" did not end within ${timeoutMs / 1000} s`))
  const timer = setTimeout(late, timeoutMs)
  const tail = keepTail(child.stderr)
  const limit = options.maxOutputBytes ?? defaultMaxOutputBytes
  const output = onLine === undefined ? collect(child.stdout, limit, what, stop) : []
  if (onLine !== undefined) for (const stream of [child.stdout, child.stderr]) passLines(stream, onLine, stop)
  try {
    const ended = await exitOf(child, command)
    if (broken.length > 0) throw broken[0]
    if (ended.status !== 0) throw failed(what, ended, tail())
    return { stdout: Buffer.concat(output).toString() }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  }
}

type Ended = { status: number | null; by: NodeJS.Signals | null }

function exitOf(child: ChildProcess, command: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      reject(new PginstallError('io_error', `could not run program "${command}": ${describeCause(cause)}`, { cause }))
    })
    // Grandchildren may hold the pipes open after the child's end: end them, or `close` would wait for them.
    child.once('exit', () => killGroup(child, 'SIGKILL'))
    child.once('close', (status, by) => resolve({ status, by }))
  })
}

function endGroup(child: ChildProcess): void {
  killGroup(child, 'SIGTERM')
  const timer = setTimeout(() => killGroup(child, 'SIGKILL'), graceMs)
  child.once('close', () => clearTimeout(timer))
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (thrown) {
    // The group is gone already.
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown
  }
}

function collect(stream: Readable, maxBytes: number, what: string, stop: (reason: unknown) => void): Buffer[] {
  const chunks: Buffer[] = []
  let bytes = 0
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= maxBytes) chunks.push(chunk)
    else stop(new PginstallError('io_error', `program "${what}" wrote more than ${maxBytes} bytes`))
  })
  return chunks
}

function keepTail(stream: Readable): () => string {
  let tail = Buffer.alloc(0)
  stream.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-stderrTailBytes)
  })
  return () => tail.toString().trim()
}

function passLines(stream: Readable, onLine: (line: string) => void, stop: (reason: unknown) => void): void {
  const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })
  lines.on('line', (line) => {
    try {
      onLine(line)
    } catch (thrown) {
      stop(thrown)
    }
  })
}

function failed(what: string, { status, by }: Ended, tail: string): PginstallError {
  const how = by === null ? `exited with status ${status}` : `was ended by signal ${by}`
  return new PginstallError('io_error', `program "${what}" ${how}`, tail === '' ? {} : { detail: tail })
}

function canceled(what: string): PginstallError {
  return new PginstallError('query_canceled', `program "${what}" was canceled`)
}
