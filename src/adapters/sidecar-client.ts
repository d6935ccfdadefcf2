// Asks a sidecar about itself by its socket, without a server between: root and the server's OS user may.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { describeCause, type ErrorReport, errorFromReport, PginstallError } from '../model/errors.ts'
import type { RunningServer } from '../model/platform.ts'
import { parseJson } from '../model/schema.ts'
import { peerOf } from './socket.ts'

export type SidecarAnswer = {
  version: string
  target: string
  directory: string
  repositories: { name: string; updated: string | null; expires: string | null }[]
  /** Whose process it is. */
  uid: number
  pid: number
}

const timeoutMs = 10_000
/** A download may take long. */
const moduleTimeoutMs = 1_800_000
/** Longest answer, bytes: protocol/README.md. */
const maxAnswerBytes = 1024 * 1024

/** What the answer says does not depend on the server that asks; a request has to name one all the same. */
const anyServer = { version_num: 150000, abi_extra: '', block_size: 8192, wal_block_size: 8192, assertions: false }

/**
 * @throws PginstallError system_error when nobody listens or the answer is none; insufficient_privilege when it hangs up
 * without a word, which is what strangers get
 */
export async function askSidecarStatus(path: string, signal: AbortSignal): Promise<SidecarAnswer> {
  const { result, uid, pid } = await ask(path, { request: 'status', server: anyServer }, timeoutMs, signal)
  return { ...parseStatus(result), uid, pid }
}

/**
 * Has the sidecar of a target bring a module for a server that does not run. The version of its archive.
 * @throws as askSidecarStatus; what the sidecar answers as an error
 */
export async function askForModule(
  path: string,
  { library, version, server }: { library: string; version: string | undefined; server: RunningServer },
  signal: AbortSignal,
): Promise<string> {
  const request = { request: 'load_module', server, library, version, wait: true }
  const { result } = await ask(path, request, moduleTimeoutMs, signal)
  if (typeof result.version !== 'string') throw notByProtocol()
  return result.version
}

type Result = Record<string, unknown>

/** One request; what is said before the result, nobody hears. */
async function ask(
  path: string,
  request: object,
  limitMs: number,
  signal: AbortSignal,
): Promise<{ result: Result; uid: number; pid: number }> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)])
  const socket = connect(path)
  const failed = (cause: unknown) =>
    new PginstallError('system_error', `could not ask the sidecar on "${path}": ${describeCause(cause)}`, { cause })
  try {
    await once(socket, 'connect', { signal: limit })
    const { uid, pid } = peerOf(socket)
    socket.write(JSON.stringify({ protocol: 1, ...request }) + '\n')
    const text = await readAll(socket, limit)
    if (text === '') throw new PginstallError('insufficient_privilege', 'the sidecar does not speak to this OS user')
    return { result: parseResult(text), uid, pid }
  } catch (cause) {
    signal.throwIfAborted()
    throw cause instanceof PginstallError ? cause : failed(cause)
  } finally {
    socket.destroy()
  }
}

/** Of the last line; notices come before it. */
function parseResult(text: string): Result {
  const answer = parseJson(text.trimEnd().split('\n').at(-1) ?? '', 'answer of the sidecar')
  const { result, error } = (answer ?? {}) as { result?: Result | null; error?: Partial<ErrorReport> | null }
  const { sqlstate, message } = error ?? {}
  if (error && typeof sqlstate === 'string' && typeof message === 'string') {
    throw errorFromReport({ ...error, sqlstate, message })
  }
  if (typeof result !== 'object' || result === null) throw notByProtocol()
  return result
}

function notByProtocol(): PginstallError {
  return new PginstallError('system_error', 'the sidecar does not answer as the protocol says', {
    hint: 'Bring the command and the sidecar to the same release.',
  })
}

/** The environment of a process; undefined when it may not be read. */
export function readEnvironment(pid: number): Record<string, string> | undefined {
  try {
    const lines = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return Object.fromEntries(
      lines
        .filter((line) => line.includes('='))
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    )
  } catch {
    return undefined
  }
}

async function readAll(socket: AsyncIterable<Buffer>, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  const read = (async () => {
    for await (const chunk of socket) {
      size += chunk.length
      if (size > maxAnswerBytes) throw new PginstallError('system_error', 'the sidecar answers without end')
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString()
  })()
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true })
  })
  return Promise.race([read.catch(hangUp), aborted])
}

/** A peer that closes while we still send resets the connection: it said nothing, which is an answer. */
function hangUp(cause: unknown): string {
  if (cause instanceof Error && 'code' in cause && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE')) return ''
  throw cause
}

function parseStatus(result: Partial<SidecarAnswer>): Omit<SidecarAnswer, 'uid' | 'pid'> {
  const { version, target, directory, repositories } = result
  if (
    typeof version !== 'string' ||
    typeof target !== 'string' ||
    typeof directory !== 'string' ||
    !Array.isArray(repositories)
  ) {
    throw notByProtocol()
  }
  return { version, target, directory, repositories }
}
