// HTTP for everything in src/: the only importer of the libcurl addon's transfers.
import { isIPv4 } from 'node:net'
import { TransferError, type TransferOptions, type TransferResult, transfer } from '../../native/index.ts'
import { describeCause, type ErrorReport, errorFromReport, PginstallError } from '../model/errors.ts'

export type HttpClient = {
  /** A small document, kept in memory. `etag` makes the request conditional: status 304 then has no body. */
  get(url: string, options: { maxBytes: number; etag?: string | undefined; signal: AbortSignal }): Promise<HttpDocument>
  /** A file, straight to disk; it must not exist yet. Anything but 200 is an error. */
  download(url: string, options: { file: string; maxBytes: number; signal: AbortSignal }): Promise<void>
  /** Sends a file. Anything but a success is an error: the server's own, when it says one. */
  upload(url: string, options: { file: string; token: string; signal: AbortSignal }): Promise<HttpDocument>
}

export type HttpDocument = { status: number; etag: string | undefined; text: string }

export type HttpLimits = { connectTimeoutMs: number; stallTimeoutMs: number }

/** Longest answer to an upload, bytes. */
const maxAnswerBytes = 1024 * 1024

export function createHttpClient({ connectTimeoutMs, stallTimeoutMs }: HttpLimits): HttpClient {
  const run = (options: Omit<TransferOptions, 'connectTimeoutMs' | 'stallTimeoutMs'>) =>
    attempt({ ...options, connectTimeoutMs, stallTimeoutMs })
  return {
    async get(url, { maxBytes, etag, signal }) {
      const headers: Record<string, string> = etag === undefined ? {} : { 'if-none-match': etag }
      const result = await run({ url, headers, maxBytes, signal })
      if (result.status !== 200 && result.status !== 304) throw refused(url, result)
      return toDocument(result)
    },
    async download(url, { file, maxBytes, signal }) {
      const result = await run({ url, maxBytes, signal, sink: { file } })
      if (result.status !== 200) throw refused(url, result)
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
    throw new PginstallError('io_error', `could not transfer ${options.url}: ${describeCause(cause)}`, { cause })
  }
}

function toDocument({ status, headers, body }: TransferResult): HttpDocument {
  return { status, etag: headers.etag?.[0], text: body?.toString() ?? '' }
}

/** The problem document that our servers send (RFC 9457), or what HTTP says. */
function refused(url: string, { status, body }: TransferResult): PginstallError {
  const problem = readProblem(body)
  if (problem !== undefined) return errorFromReport(problem)
  return new PginstallError('io_error', `could not transfer ${url}: the server answered with status ${status}`)
}

function readProblem(body: Buffer | undefined): ErrorReport | undefined {
  try {
    const { sqlstate, title, detail, hint } = JSON.parse(body?.toString() ?? '') as Record<string, unknown>
    if (typeof sqlstate !== 'string' || typeof title !== 'string') return undefined
    return {
      sqlstate,
      message: title,
      ...(typeof detail === 'string' ? { detail } : {}),
      ...(typeof hint === 'string' ? { hint } : {}),
    }
  } catch {
    return undefined
  }
}
