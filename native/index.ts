// HTTP by the system's libcurl: one call for one transfer. And two things of unix sockets that Node lacks: the peer's
// credentials, and a datagram to the service manager.
import { getSystemErrorName } from 'node:util'
import {
  type Addon,
  type AddonEvent,
  type AddonFailure,
  type AddonOptions,
  type AddonResponse,
  loadAddon,
  type PeerCredentials,
} from './addon.ts'

export type { PeerCredentials }

/** Limits are required where their absence would let a server hold us, or fill us, for ever. */
export interface TransferOptions {
  /** http or https, nothing else. */
  url: string
  /** 'GET' where it is absent. Redirects of GET and HEAD are followed; those of the others are results. */
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | undefined
  /** Refused are names that are not tokens, and values with CR, LF or NUL. On the way to another host, port or scheme libcurl drops
   * Authorization and Cookie, and only those. */
  headers?: Record<string, string> | undefined
  /** Of a POST or PUT, which needs one. A file is read while it is sent, never held in memory. */
  body?: Uint8Array | { file: string } | undefined
  /** Connects here, whatever host the URL names, and never by a proxy. */
  unixSocket?: string | undefined
  /** Asks for what follows that many bytes (GET only). An answer other than just that is the error PGI_NOT_RESUMED. */
  resumeFrom?: number | undefined
  /** Of the whole body, `resumeFrom` included; more is the error PGI_TOO_LARGE. Error pages count apart: 64 KiB are kept. */
  maxBytes: number
  maxBytesPerSecond?: number | undefined
  connectTimeoutMs: number
  /** Less than a byte a second, either way, for so long is the error PGI_STALLED. A paused chunk sink does not count. */
  stallTimeoutMs: number
  /** From the moment that the transfer leaves the queue. */
  totalTimeoutMs?: number | undefined
  /** 5 where it is absent; with 0 a redirect is a result. Never from https to http, and over http to this machine only. */
  maxRedirects?: number | undefined
  /** '' for none; as curl reads the environment where it is absent. */
  proxy?: string | undefined
  /** PEM file of all certificate authorities to trust; the system's where it is absent. */
  caFile?: string | undefined
  signal?: AbortSignal | undefined
  /** At most about ten times a second; bytes of this transfer's body, without what is resumed. */
  onProgress?: ((receivedBytes: number, totalBytes: number | null) => void) | undefined
  /** Where the body of a 2xx answer goes; to `body` of the result where it is absent.
   *
   * `file`: written natively, with mode 0600, never through a symbolic link in the last place. A file that exists already is an
   * error (PGI_FILE, EEXIST), unless it is resumed: then it must have `resumeFrom` bytes. It stays in place after
   * a failure, to be resumed; without a byte received there is none.
   *
   * `chunks`: at most 256 KiB at a time; the transfer waits while the promise is pending, and fails with what it throws. */
  sink?: { file: string } | { chunks: (chunk: Buffer) => void | Promise<void> } | undefined
}

export interface TransferResult {
  status: number
  /** Of the last answer; names in lower case. */
  headers: Record<string, string[]>
  /** Without a sink, the body; of an answer that is not 2xx, whatever the sink, the first 64 KiB of it. */
  body?: Buffer
  /** Bytes of this transfer's body, without what was resumed. */
  receivedBytes: number
  httpVersion: '1.0' | '1.1' | '2' | '3'
  effectiveUrl: string
  /** 0 where a kept connection was used. */
  newConnections: number
}

export class TransferError extends Error {
  override readonly name = 'TransferError'
  /** `CURLE_…` as libcurl names it; `PGI_TOO_LARGE`, `PGI_NOT_RESUMED`, `PGI_STALLED`, `PGI_REDIRECT`, `PGI_FILE`, `PGI_INVALID`; `ABORT_ERR`. */
  readonly code: string
  readonly curlCode: number | null
  /** Of the system call that failed, where one did. */
  readonly osErrno: number | null

  constructor(failure: AddonFailure, options?: ErrorOptions) {
    super(failure.message, options)
    this.code = failure.code
    this.curlCode = failure.curlCode
    this.osErrno = failure.osErrno
  }
}

/** As long as timers go: 24 days. */
const maxMilliseconds = 2 ** 31 - 1
const defaultMaxRedirects = 5

interface Pending {
  options: TransferOptions
  resolve(result: TransferResult): void
  reject(reason: unknown): void
  /** What the caller's own callback threw: it, not the abort that follows, is the reason. */
  thrown?: { reason: unknown }
}

let opened: Addon | undefined
const live = new Map<number, Pending>()

/** Not before the first use: commands that transfer nothing work where the addon was not built. */
function addon(): Addon {
  if (opened === undefined) {
    opened = loadAddon()
    opened.open((events) => {
      for (const event of events) dispatch(event)
    })
  }
  return opened
}

/**
 * Carries out one request. Any HTTP status is a result. Rejects with a TransferError, or with what a callback threw. At most 64 are
 * under way at once, the rest wait in order. It keeps the process alive until it ends.
 */
export async function transfer(options: TransferOptions): Promise<TransferResult> {
  const { signal } = options
  if (signal?.aborted) throw aborted(signal)
  const begun = addon().begin(toAddonOptions(options))
  if (typeof begun !== 'number') throw new TransferError(begun)
  const abort = () => addon().abort(begun)
  signal?.addEventListener('abort', abort, { once: true })
  try {
    return await new Promise<TransferResult>((resolve, reject) => live.set(begun, { options, resolve, reject }))
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

/** Of the process that connected, or listens, at the other end of a unix socket (SO_PEERCRED). Throws a system error. */
export function peerCredentials(fd: number): PeerCredentials {
  const credentials = addon().peerCredentials(fd)
  if (typeof credentials === 'object') return credentials
  const code = getSystemErrorName(-credentials)
  const error = new Error(`could not read the peer's credentials: ${code}`)
  throw Object.assign(error, { code, errno: -credentials, syscall: 'getsockopt' })
}

/** One datagram to a unix socket, `@` first for an abstract name: sd_notify(3). Never waits. Throws a system error. */
export function notify(address: string, message: string): void {
  const failure = addon().notify(address, message)
  if (failure === 0) return
  const code = getSystemErrorName(-failure)
  const error = new Error(`could not send to "${address}": ${code}`)
  throw Object.assign(error, { code, errno: -failure, syscall: 'sendto' })
}

/** As libcurl describes itself: "libcurl/7.88.1 OpenSSL/3.0.19 …". */
export function curlVersion(): string {
  return addon().curlVersion()
}

function toAddonOptions(options: TransferOptions): AddonOptions {
  const { body, sink } = options
  const isFile = body !== undefined && 'file' in body
  return {
    url: options.url,
    method: options.method ?? 'GET',
    headers: Object.entries(options.headers ?? {}).flat(),
    body: isFile ? undefined : body,
    bodyFile: isFile ? body.file : undefined,
    unixSocket: options.unixSocket,
    proxy: options.proxy,
    caFile: options.caFile,
    resumeFrom: count('resumeFrom', options.resumeFrom ?? 0),
    maxBytes: count('maxBytes', options.maxBytes),
    maxBytesPerSecond: optional('maxBytesPerSecond', options.maxBytesPerSecond, Number.MAX_SAFE_INTEGER),
    connectTimeoutMs: count('connectTimeoutMs', options.connectTimeoutMs, 1, maxMilliseconds),
    stallTimeoutMs: count('stallTimeoutMs', options.stallTimeoutMs, 1, maxMilliseconds),
    totalTimeoutMs: optional('totalTimeoutMs', options.totalTimeoutMs, maxMilliseconds),
    maxRedirects: count('maxRedirects', options.maxRedirects ?? defaultMaxRedirects, 0, 50),
    sinkFile: sink !== undefined && 'file' in sink ? sink.file : undefined,
    wantsChunks: sink !== undefined && 'chunks' in sink,
    wantsProgress: options.onProgress !== undefined,
  }
}

function optional(name: string, value: number | undefined, most: number): number | undefined {
  return value === undefined ? undefined : count(name, value, 1, most)
}

// In libcurl 0 is often "no limit", and a NaN would become 0 on the way.
function count(name: string, value: number, least = 0, most = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value
  const message = `${name} must be a whole number from ${least} to ${most}, not ${value}`
  throw new TransferError({ code: 'PGI_INVALID', message, curlCode: null, osErrno: null })
}

function dispatch(event: AddonEvent): void {
  const pending = live.get(event.id)
  if (pending === undefined) return
  if (event.progress !== undefined) {
    tellProgress(event.id, pending, event.progress)
  } else if (event.chunk !== undefined) {
    void deliverChunk(event.id, pending, event.chunk)
  } else {
    live.delete(event.id)
    settle(pending, event)
  }
}

function tellProgress(id: number, pending: Pending, progress: { received: number; total: number | null }): void {
  try {
    pending.options.onProgress?.(progress.received, progress.total)
  } catch (reason) {
    giveUp(id, pending, reason)
  }
}

async function deliverChunk(id: number, pending: Pending, chunk: Buffer): Promise<void> {
  const { sink } = pending.options
  try {
    if (sink !== undefined && 'chunks' in sink) await sink.chunks(chunk)
    addon().acknowledge(id)
  } catch (reason) {
    giveUp(id, pending, reason)
  }
}

function giveUp(id: number, pending: Pending, reason: unknown): void {
  pending.thrown ??= { reason }
  addon().abort(id)
}

function settle(pending: Pending, { response, failure }: AddonEvent): void {
  if (pending.thrown !== undefined) {
    pending.reject(pending.thrown.reason)
  } else if (response !== undefined) {
    pending.resolve(toResult(response))
  } else if (failure !== undefined) {
    const { signal } = pending.options
    pending.reject(failure.code === 'ABORT_ERR' && signal ? aborted(signal) : new TransferError(failure))
  }
}

function aborted(signal: AbortSignal): TransferError {
  const message = 'the transfer was aborted'
  return new TransferError({ code: 'ABORT_ERR', message, curlCode: null, osErrno: null }, { cause: signal.reason })
}

function toResult(response: AddonResponse): TransferResult {
  // Without a prototype: a server may well send a header called __proto__.
  const headers: Record<string, string[]> = Object.create(null)
  for (let at = 0; at + 1 < response.headers.length; at += 2) {
    const [name = '', value = ''] = response.headers.slice(at, at + 2)
    headers[name] = [...(headers[name] ?? []), value]
  }
  return { ...response, headers }
}
