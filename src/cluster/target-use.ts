// What a cluster needs of the store: asked of each of its databases, in an order in which nothing can be created, copied
// or committed unseen.
import { basename } from 'node:path'
import type { DatabaseUse, RecordedExtension, TargetUse } from '../model/store-use.ts'
import type { Cluster } from './locate.ts'
import type { Role } from './server-settings.ts'
import { type Session, withSession } from './session.ts'

type Asked = Pick<TargetUse, 'databases' | 'libraries' | 'openSince' | 'fault'>

/** How long a transaction of a primary may have been open, which a standby cannot see, milliseconds. */
const longestTransactionMs = 24 * 3_600_000

/** @throws PginstallError io_error when the server, or a database that allows connections, cannot be asked */
export async function readUse(cluster: Cluster, role: Role): Promise<Asked> {
  // First what is not committed: what commits after that is seen by whoever asks its database.
  const { fault, openSince } = await ask(cluster, role, readTransactions)
  const libraries = await ask(cluster, role, readLibraries)
  const databases = new Map<number, DatabaseUse>()
  const closed: string[] = []
  // Until there is none that was not there before: a copy of a database has what its template had.
  for (;;) {
    const fresh = (await ask(cluster, role, listDatabases)).filter(({ oid }) => !databases.has(oid))
    if (fresh.length === 0) break
    for (const { oid, name, closed: isClosed } of fresh) {
      if (isClosed) closed.push(`"${name}"`)
      const none = { extensions: [], modules: [] }
      databases.set(oid, { name, ...(isClosed ? none : await ask(cluster, role, readDatabase, name)) })
    }
  }
  const faults = [fault ?? [], closed.length === 0 ? [] : `database ${closed.join(', ')} allows no connection`].flat()
  return {
    databases: [...databases.values()],
    libraries,
    ...(openSince === undefined ? {} : { openSince }),
    ...(faults.length === 0 ? {} : { fault: faults.join('; ') }),
  }
}

/** As a superuser, perhaps in somebody else's database: nothing that is called as PostgreSQL's own is taken for it. */
function ask<T>(
  cluster: Cluster,
  role: Role,
  read: (session: Session) => Promise<T>,
  database = 'postgres',
): Promise<T> {
  return withSession(cluster, { role, database, preload: false }, async (session) => {
    await session.query('SET search_path = pg_catalog, pg_temp')
    return read(session)
  })
}

/** When what is prepared began, nobody can say; nor what a standby has still to replay, or its primary to commit. */
async function readTransactions(session: Session): Promise<Pick<TargetUse, 'fault' | 'openSince'>> {
  const [row] = await session.query<{
    standby: boolean
    replayed: number | null
    prepared: string | null
    since: number | null
  }>(
    `SELECT pg_is_in_recovery() AS standby,
       extract(epoch FROM pg_last_xact_replay_timestamp())::float8 * 1000 AS replayed,
       (SELECT min(format('%L in database "%s"', gid, database)) FROM pg_prepared_xacts) AS prepared,
       -- Where track_activities is off, only the begin of the session is known.
       (SELECT extract(epoch FROM min(coalesce(xact_start, CASE WHEN state = 'disabled' THEN backend_start END)))::float8
          FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type <> 'autovacuum worker') * 1000 AS since`,
  )
  const { standby = false, replayed = null, prepared = null, since = null } = row ?? {}
  if (prepared !== null) return { fault: `transaction ${prepared} is prepared` }
  if (standby && replayed === null) return { fault: 'it is a standby that has replayed nothing yet' }
  const begins = [since ?? [], standby ? (replayed as number) - longestTransactionMs : []].flat()
  return begins.length === 0 ? {} : { openSince: Math.min(...begins) }
}

/** Names in whatever setting, of whatever database or role, may name a library; and output plugins. */
async function readLibraries(session: Session): Promise<string[]> {
  const rows = await session.query<{ text: string }>(
    `SELECT setting AS text FROM pg_settings WHERE name LIKE '%librar%'
     UNION SELECT setting FROM pg_file_settings WHERE name ILIKE '%librar%' AND setting IS NOT NULL
     UNION SELECT s FROM pg_db_role_setting, unnest(setconfig) AS s WHERE s ILIKE '%librar%'
     UNION SELECT plugin::text FROM pg_replication_slots WHERE plugin IS NOT NULL`,
  )
  const names = rows.flatMap(({ text }) => text.split(/[\s,"'=:]+/)).map((word) => basename(word, '.so'))
  return [...new Set(names)].filter((name) => name !== '')
}

/** Without those that an interrupted DROP DATABASE has left, and without template0 as initdb has made it, which nobody has been in. */
function listDatabases(session: Session): Promise<{ oid: number; name: string; closed: boolean }[]> {
  return session.query(
    `SELECT oid::int8::float8 AS oid, datname AS name, NOT datallowconn AS closed FROM pg_database
     WHERE datconnlimit <> -2 AND (datallowconn OR datname <> 'template0' OR oid >= 16384) ORDER BY datname`,
  )
}

/**
 * Of schema pginstall only what our own extension has made is read, and no table that inherits from it. Rows count by
 * name, since pg_upgrade gives extensions other oids; one too many keeps an archive too many.
 */
async function readDatabase(session: Session): Promise<Omit<DatabaseUse, 'name'>> {
  const modules = await session.query<{ probin: string }>(
    'SELECT DISTINCT probin FROM pg_proc WHERE probin IS NOT NULL',
  )
  const record = await session.query(
    `SELECT FROM pg_class c
       JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'pginstall'
       JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
       JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'pginstall'
     WHERE c.relname = 'record' AND c.relkind = 'r'`,
  )
  const extensions =
    record.length === 0
      ? []
      : await session.query<RecordedExtension>(
          `SELECT DISTINCT r.full_name, r.version, r.digest FROM ONLY pginstall.record r
             JOIN pg_extension e ON e.extname::text = r.name`,
        )
  return { extensions, modules: modules.map(({ probin }) => basename(probin, '.so')) }
}
