// The one way to run a child process: argument vectors only, never a shell; never our own environment; every
// limit set.
import { type ChildProcess, spawn } from 'node:child_process'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
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
  /**
   * With `user`: in a PID namespace of its own, so that what leaves the process group ends with the program, too. See
   * `canContain`.
   */
  contained?: boolean
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
/** Longer lines are passed on in pieces. */
const maxLineLength = 64 * 1024
/** From SIGTERM to SIGKILL. */
const graceMs = 2000

/**
 * Runs a program to its end. The child leads a process group, and the whole group is ended when the signal aborts, a limit is passed, or the
 * child leaves others behind. A process that makes a session of its own outlives the call, unless `contained`.
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
  const contained = options.contained === true && user !== undefined
  const [program, argv] = contained ? contain(command, args, user) : [command, args]
  const child = spawn(program, argv, {
    env: options.env ?? plainEnvironment,
    detached: true,
    shell: false,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
    ...(user === undefined || contained ? {} : user),
  })
  const broken: unknown[] = []
  const stop = (reason: unknown) => {
    // Whoever writes without end goes on until it is gone.
    if (broken.length > 0) return
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

let containable: Promise<boolean> | undefined

/** Whether PID namespaces can be made here: by root, and not in a container without the capability. */
export function canContain(): Promise<boolean> {
  const options = { signal: new AbortController().signal, timeoutMs: 10_000 }
  containable ??= runProcess(unshare, ['--pid', '--fork', '--', setpriv, '--version'], options).then(
    () => true,
    () => false,
  )
  return containable
}

// By path: root starts them, and the PATH of a build has directories that the build may write to.
const unshare = '/usr/bin/unshare'
const setpriv = '/usr/bin/setpriv'

/**
 * The second unshare is the namespace's first process: it stays root's, since a change of user would undo
 * --kill-child, and the kernel ends the namespace with it.
 */
function contain(command: string, args: string[], { uid, gid }: UserIds): [string, string[]] {
  const asUser = [setpriv, `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--', command, ...args]
  return [unshare, ['--pid', '--fork', '--kill-child=KILL', '--', unshare, '--fork', '--', ...asUser]]
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
  const decoder = new StringDecoder('utf8')
  let rest = ''
  const pass = (line: string) => {
    try {
      onLine(line)
    } catch (thrown) {
      stop(thrown)
    }
  }
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split(/\r?\n/)
    rest = lines.pop() ?? ''
    for (const line of lines) pass(line)
    // Without an end to it, a line would grow past the longest string there can be.
    if (rest.length <= maxLineLength) return
    pass(rest)
    rest = ''
  })
  stream.on('end', () => {
    rest += decoder.end()
    if (rest !== '') pass(rest)
  })
}

function failed(what: string, { status, by }: Ended, tail: string): PginstallError {
  const how = by === null ? `exited with status ${status}` : `was ended by signal ${by}`
  return new PginstallError('io_error', `program "${what}" ${how}`, tail === '' ? {} : { detail: tail })
}

function canceled(what: string): PginstallError {
  return new PginstallError('query_canceled', `program "${what}" was canceled`)
}
