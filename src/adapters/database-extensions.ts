// The extensions of one database: PostgreSQL's own catalog, and our record of where they came from.
import { PginstallError } from '../model/errors.ts'
import type { ReleaseSummary } from '../model/release-summary.ts'
import type { Session } from './session.ts'

/** `full_name` to `installed_at` are of those that came through pginstall. */
export type DatabaseExtension = {
  name: string
  /** As pg_extension has it. */
  sql_version: string
  full_name: string | null
  /** Of the archive. */
  version: string | null
  digest: string | null
  repository: string | null
  installed_at: Date | null
}

export type FoundExtension = {
  name: string
  full_name: string
  version: string
  description: string
  repository: string
  /** Whether policy lets anybody have a version of it. A sidecar of an older release does not say. */
  permitted?: boolean
  installable: boolean
  /** Only where the words are its short or full name; newest first. */
  releases?: ReleaseSummary[]
  /** How many there are besides. */
  more_releases?: number
}

export type RepositoryStatus = {
  sidecar_version: string
  target: string
  directory: string
  repository: string | null
  uri: string | null
  index_version: string | null
  updated: Date | null
  expires: Date | null
}

/** All of them, by name. */
export async function listExtensions(session: Session): Promise<DatabaseExtension[]> {
  // Without the extension, whatever is called pginstall.installed is somebody else's, and nothing to be run.
  if (!(await hasSqlSurface(session))) {
    return session.read(`
      SELECT extname::text AS name, extversion AS sql_version, NULL AS full_name, NULL AS version, NULL AS digest,
             NULL AS repository, NULL AS installed_at
        FROM pg_extension ORDER BY extname`)
  }
  return session.read(`
    SELECT e.extname::text AS name, e.extversion AS sql_version, i.full_name, i.version, i.digest, i.repository,
           i.installed_at
      FROM pg_extension e LEFT JOIN pginstall.installed i ON i.name = e.extname::text
     ORDER BY e.extname`)
}

/** The cluster's other databases, those that let nobody in as well. */
export async function listOtherDatabases(session: Session): Promise<string[]> {
  const rows = await session.read<{ name: string }>(
    `SELECT datname::text AS name FROM pg_database
      WHERE datname <> current_database() AND datname <> 'template0' ORDER BY datname`,
  )
  return rows.map(({ name }) => name)
}

/**
 * What the sidecar's copy of the indexes has whose full name or description contains the words, and how many there are
 * more than fit into its answer.
 */
export async function searchExtensions(
  session: Session,
  words: string,
): Promise<{ extensions: FoundExtension[]; more: number }> {
  await requireSqlSurface(session)
  const [row] = await session.read<{ answer: { extensions: FoundExtension[]; more: number } }>(
    'SELECT pginstall.sidecar_search($1) AS answer',
    [words],
  )
  const { extensions = [], more = 0 } = row?.answer ?? {}
  const order = ({ name, full_name, repository }: FoundExtension) => [name, full_name, repository].join('\0')
  return { extensions: extensions.toSorted((a, b) => (order(a) < order(b) ? -1 : 1)), more }
}

export async function readStatus(session: Session): Promise<RepositoryStatus[]> {
  await requireSqlSurface(session)
  return session.read('SELECT * FROM pginstall.status()')
}

/** Which of PostgreSQL's own extensions has the name. */
export async function findBuiltin(
  session: Session,
  name: string,
): Promise<{ name: string; version: string; description: string } | undefined> {
  const [row] = await session.read<{ name: string; version: string; description: string }>(
    `SELECT name::text, default_version AS version, coalesce(comment, '') AS description
       FROM pg_available_extensions WHERE name = $1`,
    [name],
  )
  return row
}

async function hasSqlSurface(session: Session): Promise<boolean> {
  return (await session.read(`SELECT FROM pg_extension WHERE extname = 'pginstall'`)).length > 0
}

async function requireSqlSurface(session: Session): Promise<void> {
  if (await hasSqlSurface(session)) return
  const { database } = session.target
  throw new PginstallError('undefined_extension', `extension "pginstall" does not exist in database "${database}"`, {
    detail: 'Searching and status are functions of it.',
    hint: `Create it with: pginstall install pginstall --database ${database}`,
  })
}
