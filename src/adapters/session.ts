// One session in somebody's database, as psql has it: statements with their notices, and queries of our own that
// nothing in the database can turn into something else.
import type pg from 'pg'
import { describeCause, PginstallError, ServerError } from '../model/errors.ts'
import { type ConnectionTarget, describeConnection } from './connection.ts'

/** What the server says while a statement runs. */
export type Notice = { severity: string; sqlstate: string; message: string; detail?: string; hint?: string }

export type Row = Record<string, unknown>

const connectTimeoutMs = 10_000
/** Classes of errors after which a session is no more; PostgreSQL, appendix A. */
const fatalClasses = /^(08|57P)/

/** Loaded when it is wanted: the sidecar is the same program, and would carry it in its memory for ever. */
async function newClient(config: pg.ClientConfig): Promise<pg.Client> {
  const { default: driver } = await import('pg')
  return new driver.Client(config)
}

export class Session {
  readonly target: ConnectionTarget
  #client: pg.Client
  #onNotice: (notice: Notice) => void
  #signal: AbortSignal
  #lost: Error | undefined

  private constructor(
    target: ConnectionTarget,
    client: pg.Client,
    options: { onNotice(notice: Notice): void; signal: AbortSignal },
  ) {
    this.target = target
    this.#client = client
    this.#onNotice = options.onNotice
    this.#signal = options.signal
    client.on('error', (cause) => {
      this.#lost = cause
    })
    client.on('notice', (message) => this.#onNotice(toNotice(message)))
  }

  /** @throws PginstallError system_error when the server is out of reach; ServerError when it refuses */
  static async open(
    target: ConnectionTarget,
    options: { onNotice(notice: Notice): void; signal: AbortSignal },
  ): Promise<Session> {
    const client = await newClient({
      ...target,
      application_name: 'pginstall',
      connectionTimeoutMillis: connectTimeoutMs,
    })
    const session = new Session(target, client, options)
    try {
      await client.connect()
      return session
    } catch (cause) {
      await client.end().catch(() => undefined)
      throw refusal(target, cause)
    }
  }

  /** Whether statements can still be sent. */
  get isOpen(): boolean {
    return this.#lost === undefined
  }

  /**
   * Runs one statement in a transaction of its own, as it stands. Canceled at the server when the signal aborts, as
   * everything here.
   * @throws ServerError with the server's SQLSTATE; PginstallError system_error when the connection breaks
   */
  async execute(statement: string): Promise<void> {
    await this.#cancelable(() => this.#query(statement, undefined))
  }

  /**
   * Rows of a query of our own. Read only, and with a search_path that holds nothing of the database's owner: whoever
   * reads may be a superuser in a database of somebody who is none.
   * @throws as execute
   */
  async read<R extends Row>(query: string, values: unknown[] = []): Promise<R[]> {
    return this.#cancelable(async () => {
      await this.#query('BEGIN READ ONLY; SET LOCAL search_path = pg_catalog, pg_temp', undefined)
      try {
        return (await this.#query(query, values)) as R[]
      } finally {
        if (this.isOpen) await this.#query('ROLLBACK', undefined)
      }
    })
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined)
  }

  async #cancelable<T>(work: () => Promise<T>): Promise<T> {
    this.#signal.throwIfAborted()
    const { processID } = this.#client as pg.Client & { processID?: number }
    const cancel = () => void this.#cancel(processID)
    this.#signal.addEventListener('abort', cancel, { once: true })
    try {
      return await work()
    } finally {
      this.#signal.removeEventListener('abort', cancel)
    }
  }

  async #query(text: string, values: unknown[] | undefined): Promise<Row[]> {
    try {
      return (await this.#client.query<Row>(text, values)).rows
    } catch (cause) {
      const error = refusal(this.target, cause)
      if (!(error instanceof ServerError) || fatalClasses.test(error.sqlstate)) this.#lost = error
      throw error
    }
  }

  /** By a second connection, as psql does it; the library's own way sends the key in clear text even where TLS is on. */
  async #cancel(processId: number | undefined): Promise<void> {
    const client = await newClient({ ...this.target, connectionTimeoutMillis: connectTimeoutMs })
    client.on('error', () => undefined)
    try {
      await client.connect()
      await client.query('SELECT pg_catalog.pg_cancel_backend($1::pg_catalog.int4)', [processId])
    } catch {
      // Nobody takes the wish any more: the session ends with our process.
      await this.close()
    } finally {
      await client.end().catch(() => undefined)
    }
  }
}

type ServerMessage = {
  severity?: string | undefined
  code?: string | undefined
  message?: string | undefined
  detail?: string | undefined
  hint?: string | undefined
}

function toNotice(message: ServerMessage): Notice {
  return {
    severity: message.severity ?? 'NOTICE',
    sqlstate: message.code ?? '00000',
    message: message.message ?? '',
    ...(message.detail === undefined ? {} : { detail: message.detail }),
    ...(message.hint === undefined ? {} : { hint: message.hint }),
  }
}

/** The server's own errors have a SQLSTATE and a severity; all others are of the connection. */
function refusal(target: ConnectionTarget, cause: unknown): PginstallError {
  if (cause instanceof Error && 'severity' in cause && 'code' in cause) {
    const { detail, hint } = cause as ServerMessage
    return new ServerError({
      sqlstate: String(cause.code),
      message: cause.message,
      ...(detail === undefined ? {} : { detail }),
      ...(hint === undefined ? {} : { hint }),
    })
  }
  return new PginstallError('system_error', `could not reach the server: ${describeCause(cause)}`, {
    detail: `It was asked for ${describeConnection(target)}.`,
    hint: 'Is the server running there? Say which one is meant with -h, -p, -U and -d, or by PGHOST, PGPORT, PGUSER and PGDATABASE.',
    cause,
  })
}
