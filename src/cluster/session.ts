// Sessions of a cluster's superuser, over its unix socket: as root, in the name of the server's OS user, whom "peer" lets in.
import type { Client, QueryResultRow } from 'pg'
import { inNameOf } from '../adapters/privileges.ts'
import { describeCause, PginstallError } from '../model/errors.ts'
import type { Cluster } from './locate.ts'

export type Session = {
  query<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
  /** Text as a literal of SQL. */
  literal(text: string): string
}

export type SessionOptions = {
  /** The superuser; the OS user's own name when it is not given. */
  role?: string | undefined
  database?: string
  /**
   * Whether session_preload_libraries is honoured, as for everybody. Without, a superuser gets in where a missing
   * library locks everybody out.
   */
  preload: boolean
}

const connectTimeoutMs = 10_000
const statementTimeoutMs = 30_000

/** @throws PginstallError io_error */
export async function withSession<T>(
  cluster: Cluster,
  options: SessionOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const client = await connect(cluster, options)
  try {
    return await work({
      query: async (text, values = []) => (await client.query(text, values)).rows,
      literal: (text) => client.escapeLiteral(text),
    })
  } catch (cause) {
    if (cause instanceof PginstallError) throw cause
    throw new PginstallError('io_error', `cluster "${cluster.dataDirectory}" refused: ${describeCause(cause)}`, {
      ...hintOf(cause),
      cause,
    })
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function connect(cluster: Cluster, { role, database = 'postgres', preload }: SessionOptions): Promise<Client> {
  const { server, owner, dataDirectory } = cluster
  if (server === undefined) throw new PginstallError('io_error', `cluster "${dataDirectory}" does not run`)
  // Loaded when it is wanted: the sidecar is the same program, and would carry it in its memory for ever.
  const { default: driver } = await import('pg')
  const client = new driver.Client({
    host: server.socketDirectory,
    port: server.port,
    user: role ?? owner.name,
    database,
    ssl: false,
    application_name: 'pginstall setup',
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    ...(preload ? {} : { options: '-c session_preload_libraries=' }),
  })
  client.on('error', () => undefined)
  try {
    // The peer's user is that of the moment of connect(2).
    await inNameOf(owner.uid, () => client.connect())
    return client
  } catch (cause) {
    await client.end().catch(() => undefined)
    throw new PginstallError('io_error', `could not connect to cluster "${dataDirectory}": ${describeCause(cause)}`, {
      detail: `As role "${role ?? owner.name}" at ${server.socketDirectory}, port ${server.port}.`,
      hint: 'A superuser must be let in at the unix socket: by "peer" in pg_hba.conf, or by a password in ~/.pgpass; --role names another than that of the OS user.',
      cause,
    })
  }
}

function hintOf(cause: unknown): { hint?: string } {
  return cause instanceof Error && 'hint' in cause && typeof cause.hint === 'string' ? { hint: cause.hint } : {}
}
