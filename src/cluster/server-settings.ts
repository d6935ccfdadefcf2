// The settings of a cluster that runs: by ALTER SYSTEM, which the server checks and which wins over every file; then a
// reload, and the question to a new session whether it is as it should be.
import { setTimeout as delay } from 'node:timers/promises'
import { PginstallError } from '../model/errors.ts'
import type { Cluster } from './locate.ts'
import { type Session, withSession } from './session.ts'
import {
  type Change,
  defaultValues,
  type FileValues,
  isOurLibrary,
  isSamePath,
  libraryName,
  type SettingName,
  settingNames,
  splitLibraries,
  splitPath,
  type Wanted,
} from './setting-values.ts'

export type Role = string | undefined

/** How long a server may take to read its configuration again. */
const reloadTimeLimitMs = 15_000
const reloadIntervalMs = 50

/** Values of these sources hold for one database or role: of those, findOverrides tells. */
const ofFew = ['database', 'user', 'database user']
/** No reload changes these. */
const unchangeable = ['command line', 'environment variable', 'override']

/**
 * What the cluster's files say now; a reload need not have happened since.
 * @throws PginstallError config_file_error when a reload would change nothing, io_error
 */
export function readServerSettings(cluster: Cluster, role: Role): Promise<FileValues> {
  return withSession(cluster, { role, preload: false }, async (session) => {
    await requireReloadable(session)
    const rows = await session.query<{ name: SettingName; setting: string; sourcefile: string }>(
      `SELECT lower(name) AS name, setting, sourcefile FROM pg_catalog.pg_file_settings
       WHERE lower(name) = ANY ($1) AND setting IS NOT NULL ORDER BY seqno`,
      [settingNames],
    )
    const values: FileValues = {}
    for (const { name, setting, sourcefile } of rows) {
      const known = values[name]
      const bySystem = sourcefile.endsWith('/postgresql.auto.conf')
      values[name] = bySystem ? { ...known, value: setting } : { value: setting, below: setting }
    }
    return values
  })
}

/**
 * A file that cannot be parsed, or an unknown name in it, makes the server ignore all of its files. What only waits for
 * a restart is an error there, too: without a file where it was taken out, else with a known name.
 */
async function requireReloadable(session: Session): Promise<void> {
  const errors = await session.query<{ text: string }>(
    `SELECT format('%s, line %s: %s', sourcefile, sourceline, error) AS text FROM pg_catalog.pg_file_settings f
     WHERE error IS NOT NULL AND sourcefile IS NOT NULL
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_settings s WHERE lower(s.name) = lower(f.name))`,
  )
  if (errors.length === 0) return
  throw new PginstallError('config_file_error', 'the configuration of the server has errors', {
    detail: errors.map(({ text }) => text).join('\n'),
    hint: 'Until they are gone, the server does not read its configuration again.',
  })
}

/**
 * Makes the changes that give sessions the hook, and asks a new session. When that does not get in, the library is
 * taken out again before anybody hears of it.
 * @throws PginstallError io_error, invalid_parameter_value
 */
export async function enable(
  cluster: Cluster,
  role: Role,
  changes: Change[],
  wanted: Wanted,
  signal: AbortSignal,
): Promise<void> {
  await withSession(cluster, { role, preload: false }, async (session) => {
    // The settings pginstall.* are unknown to ALTER SYSTEM until the library has defined them.
    await session.query(`LOAD '${libraryName}'`)
    await apply(session, changes)
  })
  try {
    await untilSession(cluster, role, signal, (now) => missingOf(now, wanted))
  } catch (cause) {
    const back = changes.filter(({ name }) => name.endsWith('_preload_libraries')).map((change) => withoutOurs(change))
    await withSession(cluster, { role, preload: false }, (session) => apply(session, back))
    throw cause
  }
}

/** Makes the changes that take the hook away, and sees that a new session is without it. */
export async function disable(cluster: Cluster, role: Role, changes: Change[], signal: AbortSignal): Promise<void> {
  await withSession(cluster, { role, preload: false }, (session) => apply(session, changes))
  await untilSession(cluster, role, signal, (now) =>
    splitLibraries(now.session_preload_libraries ?? '').some(isOurLibrary) ? ['session_preload_libraries'] : [],
  )
}

/**
 * What makes it unsafe to take the library's file away, as sentences: each names what to do about it.
 * Databases and roles may name it beyond what files do, and sessions that have it need it for parallel workers.
 */
export function findUsers(cluster: Cluster, role: Role): Promise<string[]> {
  return withSession(cluster, { role, preload: true }, async (session) => {
    const rows = await session.query<{ loaded: string; sessions: number }>(
      `SELECT current_setting('shared_preload_libraries') AS loaded, count(*)::int AS sessions
       FROM pg_catalog.pg_stat_activity
       WHERE backend_type = 'client backend' AND backend_start < pg_catalog.pg_conf_load_time()`,
    )
    const { loaded = '', sessions = 0 } = rows[0] ?? {}
    const reasons = (await overrides(session, 'session_preload_libraries'))
      .filter(({ value }) => splitLibraries(value).some(isOurLibrary))
      .map(({ place }) => `${place} has it in session_preload_libraries: take it out.`)
    // What the postmaster has loaded at its start, every process has from it.
    if (sessions > 0 && !splitLibraries(loaded).some(isOurLibrary)) {
      reasons.push(`${sessions} sessions began before the reload and may have loaded it: let them end.`)
    }
    return reasons
  })
}

/** Databases and roles whose own settings hide those of the files. */
export function findOverrides(cluster: Cluster, role: Role): Promise<string[]> {
  return withSession(cluster, { role, preload: false }, async (session) => {
    const found: string[] = []
    for (const name of ['session_preload_libraries', 'dynamic_library_path'] as const) {
      const places = await overrides(session, name)
      found.push(...places.map(({ place }) => `${place} has a value of its own for ${name}`))
    }
    return found
  })
}

async function overrides(session: Session, name: SettingName): Promise<{ place: string; value: string }[]> {
  const rows = await session.query<{ database: string | null; role: string | null; setting: string }>(
    `SELECT datname AS database, rolname AS role, setting
     FROM pg_catalog.pg_db_role_setting s CROSS JOIN unnest(setconfig) AS setting
       LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
       LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
     WHERE split_part(setting, '=', 1) = $1`,
    [name],
  )
  return rows.map(({ database, role, setting }) => ({
    place: [role === null ? '' : `role "${role}"`, database === null ? '' : `database "${database}"`]
      .filter((part) => part !== '')
      .join(' in '),
    value: setting.slice(name.length + 1),
  }))
}

/** Makes changes that need no proof by a new session. */
export function change(cluster: Cluster, role: Role, changes: Change[]): Promise<void> {
  return withSession(cluster, { role, preload: false }, (session) => apply(session, changes))
}

async function apply(session: Session, changes: Change[]): Promise<void> {
  for (const { name, value } of changes) {
    const items = typeof value === 'string' ? [value] : value
    // One literal for each library: a list in one literal would become one library of that name.
    const action = items === undefined ? 'RESET' : 'SET'
    const to = items === undefined ? '' : ` = ${items.map((item) => session.literal(item)).join(', ')}`
    await session.query(`ALTER SYSTEM ${action} ${name}${to}`)
  }
  await session.query('SELECT pg_catalog.pg_reload_conf()')
}

function withoutOurs({ name, value }: Change): Change {
  const rest = Array.isArray(value) ? value.filter((library) => !isOurLibrary(library)) : []
  return { name, value: rest.length === 0 ? undefined : rest }
}

type Shown = Partial<Record<SettingName, string>>

function missingOf(now: Shown, wanted: Wanted): SettingName[] {
  const holds: Partial<Record<SettingName, boolean>> = {
    session_preload_libraries: splitLibraries(now.session_preload_libraries ?? '').some(isOurLibrary),
    dynamic_library_path: splitPath(now.dynamic_library_path ?? '').some((item) =>
      isSamePath(item, wanted.libraryDirectory),
    ),
    'pginstall.socket': now['pginstall.socket'] === wanted.socket,
    'pginstall.directory': now['pginstall.directory'] === wanted.directory,
    'pginstall.sidecar_user': now['pginstall.sidecar_user'] === wanted.sidecarUser,
  }
  return (Object.keys(holds) as SettingName[]).filter((name) => !holds[name])
}

/** Asks new sessions, which are as everybody's, until nothing is wrong with what they see. */
async function untilSession(
  cluster: Cluster,
  role: Role,
  signal: AbortSignal,
  wrongOf: (now: Shown) => SettingName[],
): Promise<void> {
  const limit = AbortSignal.timeout(reloadTimeLimitMs)
  for (;;) {
    const wrong = await withSession(cluster, { role, preload: true }, async (session) => {
      const rows = await session.query<{ name: SettingName; value: string; source: string; file: string | null }>(
        `SELECT name, setting AS value, source, sourcefile AS file FROM pg_catalog.pg_settings WHERE name = ANY ($1)`,
        [Object.keys(defaultValues)],
      )
      const names = wrongOf(Object.fromEntries(rows.map(({ name, value }) => [name, value])))
      return rows.filter(({ name, source }) => names.includes(name) && !ofFew.includes(source))
    })
    if (wrong.length === 0) return
    signal.throwIfAborted()
    const hopeless = wrong.some(({ source }) => unchangeable.includes(source))
    if (hopeless || limit.aborted) throw notInForce(wrong)
    await delay(reloadIntervalMs)
  }
}

function notInForce(wrong: { name: string; source: string; file: string | null }[]): PginstallError {
  return new PginstallError('invalid_parameter_value', 'what was set is not in force after a reload', {
    detail: wrong.map(({ name, source, file }) => `${name} comes from: ${file ?? source}.`).join('\n'),
    hint: "Values on the server's command line win over ALTER SYSTEM: take them out there, and restart the server.",
  })
}
