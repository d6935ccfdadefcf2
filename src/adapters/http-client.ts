// HTTP for everything in src/: the only importer of the libcurl addon's transfers.
import { isIPv4 } from 'node:net'
import { getSystemErrorName } from 'node:util'
import { curlVersion, TransferError, type TransferOptions, type TransferResult, transfer } from '../../native/index.ts'
import { describeCause, type ErrorReport, errorFromReport, PginstallError } from '../model/errors.ts'

export type HttpClient = {
  /**
   * A small document, kept in memory, all of it within a time: a byte a second is no stall. `etag` makes the request
   * conditional: status 304 then has no body.
   */
  get(url: string, options: DocumentOptions): Promise<HttpDocument>
  /** A file, straight to disk; it must not exist yet. Anything but 200 is an error. */
  download(url: string, options: { file: string; maxBytes: number; signal: AbortSignal }): Promise<void>
  /** Sends a file. Anything but a success is an error: the server's own, when it says one. */
  upload(url: string, options: { file: string; token: string; signal: AbortSignal }): Promise<HttpDocument>
}

export type DocumentOptions = {
  maxBytes: number
  totalTimeoutMs: number
  etag?: string | undefined
  signal: AbortSignal
}

/**
 * `date`: the server's clock, as it says it. `freshMs`: for how long it need not be asked for again. `url`: where the answer
 * came from in the end.
 */
export type HttpDocument = {
  status: number
  etag: string | undefined
  freshMs: number
  date: string | undefined
  text: string
  url: string
}

export type HttpLimits = { connectTimeoutMs: number; stallTimeoutMs: number }

export type HttpRoute = {
  /** PEM file of the authorities to trust in place of the system's. */
  caFile?: string | undefined
  /** As curl writes it; '' for none, as the environment says where it is absent. */
  proxy?: string | undefined
}

/**
 * The environment's proxy is no way to this machine: it would carry off what is let through in clear text, or unsigned,
 * because it never leaves.
 */
const direct: HttpRoute = { proxy: '' }
/** What is shown of what a server says is wrong. */
const maxTitleCharacters = 500
/** Longest answer to an upload, bytes. */
const maxAnswerBytes = 1024 * 1024

export function createHttpClient(limits: HttpLimits, route: HttpRoute = {}): HttpClient {
  const run = (options: Omit<TransferOptions, keyof HttpLimits | keyof HttpRoute>) =>
    attempt({ ...options, ...limits, ...(isLoopback(options.url) ? direct : {}), ...route })
  return {
    async get(url, { maxBytes, totalTimeoutMs, etag, signal }) {
      const headers: Record<string, string> = etag === undefined ? {} : { 'if-none-match': etag }
      const result = await run({ url, headers, maxBytes, totalTimeoutMs, signal })
      if (result.status !== 200 && result.status !== 304) throw notGiven(url, result)
      return toDocument(result)
    },
    async download(url, { file, maxBytes, signal }) {
      const result = await run({ url, maxBytes, signal, sink: { file } })
      if (result.status !== 200) throw notGiven(url, result)
    },
    async upload(url, { file, token, signal }) {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/gzip' }
      const result = await run({
        url,
        method: 'PUT',
        headers,
        body: { file },
        maxBytes: maxAnswerBytes,
        maxRedirects: 0,
        signal,
      })
      if (result.status < 200 || result.status > 299) throw refused(url, result)
      return toDocument(result)
    },
  }
}

/** Whether a URL's host is this machine: where clear text and unsigned indexes are let through. */
export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url)
  return hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'))
}

async function attempt(options: TransferOptions): Promise<TransferResult> {
  try {
    return await transfer(options)
  } catch (cause) {
    options.signal?.throwIfAborted()
    if (!(cause instanceof TransferError)) throw cause
    if (options.sink !== undefined && cause.code === 'PGI_FILE') throw systemError(cause)
    // What is too large comes from a server that is up: nobody else stands in for it.
    const condition = cause.code === 'PGI_TOO_LARGE' ? 'program_limit_exceeded' : 'io_error'
    throw new PginstallError(condition, `could not transfer ${options.url}: ${describeCause(cause)}`, { cause })
  }
}

function toDocument({ status, headers, body, effectiveUrl }: TransferResult): HttpDocument {
  return {
    status,
    etag: headers.etag?.[0],
    freshMs: freshnessMs(headers),
    date: headers.date?.[0],
    text: body?.toString() ?? '',
    url: effectiveUrl,
  }
}

/** What max-age has left after the time that the answer was in caches, RFC 9111 section 4.2; 0 where nothing is said. */
function freshnessMs(headers: TransferResult['headers']): number {
  const directives = (headers['cache-control'] ?? []).join(',').toLowerCase().split(',')
  const maxAge = directives.map((directive) => /^max-age=(\d{1,9})$/.exec(directive.trim())?.[1]).find(Boolean)
  const seconds = Number(maxAge ?? 0) - Number(/^\d{1,9}$/.exec(headers.age?.[0] ?? '')?.[0] ?? 0)
  return Math.max(0, seconds * 1000)
}

/** Our disk failed, not the other side: an error like those of node:fs. */
function systemError(cause: TransferError): Error {
  const code = cause.osErrno === null ? cause.code : getSystemErrorName(-cause.osErrno)
  return Object.assign(new Error(describeCause(cause), { cause }), { code, syscall: 'write' })
}

/**
 * Whoever answers a GET may not choose which error we raise: that nobody has an extension, say, would be remembered, and
 * a fault of the server would not be taken for one.
 */
function notGiven(url: string, { status, body }: TransferResult): PginstallError {
  const title = readProblem(body)?.message
  return new PginstallError(
    'io_error',
    `could not transfer ${url}: the server answered with status ${status}${title === undefined ? '' : ` (${title})`}`,
  )
}

/** The problem document that our servers send (RFC 9457), or what HTTP says. */
function refused(url: string, result: TransferResult): PginstallError {
  const problem = readProblem(result.body)
  return problem === undefined ? notGiven(url, result) : errorFromReport(problem)
}

function readProblem(body: Buffer | undefined): ErrorReport | undefined {
  try {
    const { sqlstate, title, detail, hint } = JSON.parse(body?.toString() ?? '') as Record<string, unknown>
    if (typeof sqlstate !== 'string' || typeof title !== 'string') return undefined
    return {
      sqlstate,
      message: title.slice(0, maxTitleCharacters),
      ...(typeof detail === 'string' ? { detail } : {}),
      ...(typeof hint === 'string' ? { hint } : {}),
    }
  } catch {
    return undefined
  }
}

/** Loads the addon now, which happens at its first use otherwise: afterwards its files may be out of reach. */
export function loadAddon(): void {
  curlVersion()
}
