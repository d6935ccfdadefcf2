// doctor: the server as it runs: whether our module is loaded, and whether its settings and the sidecar's agree.
import { join } from 'node:path'
import type { PgConfig } from '../../adapters/pg-config.ts'
import { findUser } from '../../adapters/privileges.ts'
import type { Session } from '../../adapters/session.ts'
import type { Settings } from '../../adapters/settings.ts'
import { error, type Finding, ok, warning } from '../../model/finding.ts'
import { formatVersionNum, majorOf } from '../../model/platform.ts'

type ServerSettings = {
  version_num: number
  /** Null, as the two that follow, where the module is not loaded. */
  socket: string | null
  directory: string | null
  sidecar_user: string | null
  /** Null where the role may not see it. */
  library_path: string | null
}

const reload = 'in postgresql.conf, then: SELECT pg_reload_conf(); or all at once: pginstall setup'

export async function checkServer(
  session: Pick<Session, 'read'>,
  settings: Settings,
  installation: PgConfig | undefined,
): Promise<Finding[]> {
  // Not current_setting(): what stands in the configuration file has a value there also where no module knows of it.
  const [found] = await session.read<ServerSettings>(
    `SELECT current_setting('server_version_num')::int4 AS version_num,
            max(setting) FILTER (WHERE name = 'pginstall.socket') AS socket,
            max(setting) FILTER (WHERE name = 'pginstall.directory') AS directory,
            max(setting) FILTER (WHERE name = 'pginstall.sidecar_user') AS sidecar_user,
            max(setting) FILTER (WHERE name = 'dynamic_library_path') AS library_path
       FROM pg_settings`,
  )
  if (found === undefined) return []
  return [checkVersion(found, installation), ...checkModule(found, settings)]
}

function checkVersion({ version_num }: ServerSettings, installation: PgConfig | undefined): Finding {
  const text = `PostgreSQL ${formatVersionNum(version_num)} runs`
  if (installation === undefined || installation.versionNum === version_num) return ok('server', text)
  const installed = formatVersionNum(installation.versionNum)
  if (majorOf(installation.versionNum) !== majorOf(version_num)) {
    const hint = `Name the pg_config of the server: pginstall config pg_config /usr/lib/postgresql/${majorOf(version_num)}/bin/pg_config`
    return error('server', `${text}, but ${installation.path} is of ${installed}`, hint)
  }
  return warning('server', `${text}, but ${installed} is installed`, 'Restart the server.')
}

function checkModule(found: ServerSettings, settings: Settings): Finding[] {
  if (found.socket === null) {
    const hint = `session_preload_libraries = 'pginstall' ${reload}`
    return [error('module', 'sessions of the server do not load pginstall', hint)]
  }
  const findings = [
    ...compare('pginstall.socket', found.socket, settings.socket),
    ...compare('pginstall.directory', found.directory, settings.directory),
    ...compareUser(found.sidecar_user ?? '', settings.user),
    ...checkLibraryPath(found.library_path, join(settings.directory, settings.target, 'lib')),
  ]
  return findings.length > 0 ? findings : [ok('module', 'sessions load pginstall, with the settings of the sidecar')]
}

function compare(name: string, value: string | null, wanted: string): Finding[] {
  if (value === wanted) return []
  return [error('module', `${name} is "${value}", the sidecar has "${wanted}"`, `${name} = '${wanted}' ${reload}`)]
}

/** The server takes a name or a number, and believes root and itself in any case. */
function compareUser(value: string, wanted: string): Finding[] {
  if (value === wanted || value === String(findUser(wanted).uid)) return []
  return compare('pginstall.sidecar_user', value, wanted)
}

function checkLibraryPath(value: string | null, wanted: string): Finding[] {
  if (value === null) {
    const hint = 'Connect as a superuser or a member of pg_read_all_settings: -U postgres'
    return [warning('module', 'dynamic_library_path may not be seen by this role', hint)]
  }
  if (value.split(':').includes(wanted)) return []
  const hint = `dynamic_library_path = '${value}:${wanted}' ${reload}`
  return [error('module', `dynamic_library_path is "${value}", without "${wanted}"`, hint)]
}
