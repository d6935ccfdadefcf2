// A PostgreSQL database: pooled connections, transactions, and queries that are kept in .sql files.
import { Pool, type PoolClient, type PoolConfig, type QueryResultRow, types } from 'pg'
import { describeCause, PginstallError } from '../model/errors.ts'
import { readPackageFolder } from './package-root.ts'

/** Where the database is: a URI, or a directory with a unix socket. */
export type DatabaseAddress =
  | { uri: string }
  | { socketDirectory: string; port: number; user: string; database: string }

export type Queryable = {
  /** Rows have the types that the query gives them: int8 comes as a number, timestamptz as a Date. */
  query<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
}

const maxConnections = 8
const connectTimeoutMs = 10_000
const statementTimeoutMs = 60_000
const idleTransactionTimeoutMs = 60_000
const int8Oid = types.builtins.INT8

/** Classes of errors in which the database is out of reach rather than the query wrong; PostgreSQL, appendix A. */
const outOfReach = /^(08|53|57)/

export class Database implements Queryable {
  #pool: Pool

  /** `onLost` hears of connections that broke while idle; the pool makes new ones. */
  constructor(address: DatabaseAddress, onLost: (cause: Error) => void) {
    this.#pool = new Pool({
      ...connectionOf(address),
      application_name: 'pginstall',
      max: maxConnections,
      connectionTimeoutMillis: connectTimeoutMs,
      statement_timeout: statementTimeoutMs,
      idle_in_transaction_session_timeout: idleTransactionTimeoutMs,
      types: { getTypeParser: (oid, format) => (oid === int8Oid ? parseInt8 : types.getTypeParser(oid, format)) },
    })
    this.#pool.on('error', onLost)
  }

  async query<Row extends QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return withPlainErrors(async () => (await this.#pool.query<Row>(text, values)).rows)
  }

  /** Runs `work` in one transaction, rolled back when it throws. */
  async transaction<T>(work: (transaction: Queryable) => Promise<T>): Promise<T> {
    const client = await withPlainErrors(() => this.#pool.connect())
    let broken: Error | undefined
    const noteLoss = (cause: Error) => {
      broken = cause
    }
    client.on('error', noteLoss)
    try {
      await client.query('BEGIN')
      const result = await work(queryableOf(client))
      await withPlainErrors(() => client.query('COMMIT'))
      return result
    } catch (cause) {
      // A connection on which not even this works goes out of the pool; the server rolls back when it is gone.
      await client.query('ROLLBACK').catch(noteLoss)
      throw cause
    } finally {
      client.off('error', noteLoss)
      client.release(broken)
    }
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }
}

/**
 * The queries of one folder of the package, by file name. All are read at once: a daemon that has dropped its
 * privileges may not be able to read them later.
 */
export function loadQueries<Name extends string>(folder: string, names: readonly Name[]): Record<Name, string> {
  const files = readPackageFolder(folder, '.sql')
  const query = (name: Name) => {
    const text = files.get(name)
    if (text === undefined) throw new PginstallError('undefined_file', `there is no query "${name}" in ${folder}`)
    return [name, text] as const
  }
  return Object.fromEntries(names.map(query)) as Record<Name, string>
}

function connectionOf(address: DatabaseAddress): PoolConfig {
  if ('uri' in address) return { connectionString: address.uri }
  const { socketDirectory, port, user, database } = address
  return { host: socketDirectory, port, user, database, ssl: false }
}

function queryableOf(client: PoolClient): Queryable {
  return {
    query: (text, values = []) => withPlainErrors(async () => (await client.query(text, values)).rows),
  }
}

/** Sizes and counts stay far below 2^53; anything above must not be rounded quietly. */
function parseInt8(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new PginstallError('internal_error', `number out of range: ${text}`)
  return value
}

async function withPlainErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof PginstallError) throw cause
    throw new PginstallError(
      isOutOfReach(cause) ? 'io_error' : 'internal_error',
      `could not query the database: ${describeCause(cause)}`,
      {
        cause,
      },
    )
  }
}

function isOutOfReach(cause: unknown): boolean {
  // Errors of the server itself have a SQLSTATE and a severity; all others are of the connection.
  if (!(cause instanceof Error) || !('severity' in cause) || !('code' in cause)) return true
  return outOfReach.test(String(cause.code))
}
