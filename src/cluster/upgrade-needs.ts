// What the databases of a cluster need of an installation: the modules that pg_proc names, and what they came from.
import { compareVersions } from '../model/version-order.ts'
import type { Cluster } from './locate.ts'
import type { Role } from './server-settings.ts'
import { type Session, withSession } from './session.ts'
import { splitLibraries } from './setting-values.ts'

export type NeededModule = {
  /** As pg_proc has it. */
  library: string
  /** Extension and database; a database alone where the function belongs to none. */
  users: string[]
}

export type UpgradeNeeds = {
  databases: string[]
  /** Those that let nobody in. */
  closed: string[]
  modules: NeededModule[]
  /** Full names that are recorded, with the newest version in any of the databases. */
  recorded: Map<string, string>
  /** shared_preload_libraries. */
  preloaded: string[]
}

/**
 * Source: src/bin/pg_upgrade/function.c, get_loadable_libraries(). 13 is C's; lower oids came with the server.
 */
const modulesSql = `
  SELECT p.probin AS library, e.extname::text AS extension
    FROM pg_proc p
    LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                         AND d.refclassid = 'pg_extension'::regclass
    LEFT JOIN pg_extension e ON e.oid = d.refobjid
   WHERE p.prolang = 13 AND p.probin IS NOT NULL AND p.oid >= 16384
   GROUP BY 1, 2 ORDER BY 1, 2`

/** @throws PginstallError io_error when the cluster does not run or does not let us in */
export async function readUpgradeNeeds(cluster: Cluster, role: Role): Promise<UpgradeNeeds> {
  const all = await ask(cluster, role, 'postgres', async (session) => {
    const [setting] = await session.query<{ value: string }>(
      `SELECT current_setting('shared_preload_libraries') AS value`,
    )
    const rows = await session.query<{ name: string; open: boolean }>(
      `SELECT datname::text AS name, datallowconn AS open FROM pg_database WHERE datname <> 'template0' ORDER BY 1`,
    )
    return { preloaded: splitLibraries(setting?.value ?? ''), rows }
  })
  const databases = all.rows.filter(({ open }) => open).map(({ name }) => name)
  const users = new Map<string, string[]>()
  const recorded = new Map<string, string>()
  for (const database of databases) {
    const found = await ask(cluster, role, database, readDatabase)
    for (const { library, extension } of found.modules) {
      const user = extension === null ? `database ${database}` : `${extension} in database ${database}`
      users.set(library, [...(users.get(library) ?? []), user])
    }
    for (const { full_name, version } of found.recorded) {
      const other = recorded.get(full_name)
      if (other === undefined || compareVersions(version, other) > 0) recorded.set(full_name, version)
    }
  }
  return {
    databases,
    closed: all.rows.filter(({ open }) => !open).map(({ name }) => name),
    modules: [...users].map(([library, users]) => ({ library, users })),
    recorded,
    preloaded: all.preloaded,
  }
}

async function readDatabase(session: Session) {
  const modules = await session.query<{ library: string; extension: string | null }>(modulesSql)
  // Without the extension, whatever is called pginstall.installed is somebody else's, and nothing to be run.
  const ours = await session.query(`SELECT FROM pg_extension WHERE extname = 'pginstall'`)
  const recorded =
    ours.length === 0
      ? []
      : await session.query<{ full_name: string; version: string }>(
          'SELECT full_name, version FROM pginstall.installed',
        )
  return { modules, recorded }
}

/** Read only, and with nothing of the database's owner on the path: we are a superuser in somebody's database. */
function ask<T>(cluster: Cluster, role: Role, database: string, work: (session: Session) => Promise<T>): Promise<T> {
  return withSession(cluster, { role, database, preload: false }, async (session) => {
    await session.query('SET default_transaction_read_only = on')
    await session.query('SET search_path = pg_catalog, pg_temp')
    return work(session)
  })
}
