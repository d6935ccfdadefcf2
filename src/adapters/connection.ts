// Which server a command of the shell means: psql's options, then psql's environment, then libpq's defaults.
import { statSync } from 'node:fs'
import { PginstallError } from '../model/errors.ts'

/** As -h, -p, -U and -d give them. */
export type ConnectionOptions = {
  host?: string | undefined
  port?: string | undefined
  username?: string | undefined
  database?: string | undefined
}

/** A host that begins with a slash is the directory of a unix socket. */
export type ConnectionTarget = { host: string; port: number; user: string; database: string; password?: string }

/** Where distributions' packages have the socket, and where PostgreSQL itself has it. */
const packagedSocketDirectory = '/var/run/postgresql'
const plainSocketDirectory = '/tmp'
const defaultPort = '5432'

/**
 * PGHOST, PGPORT, PGUSER, PGDATABASE and PGPASSWORD are read here. The client library itself reads ~/.pgpass (or
 * PGPASSFILE), PGSSLMODE and PGOPTIONS.
 * @throws PginstallError invalid_parameter_value
 */
export function resolveConnection(
  options: ConnectionOptions,
  environment: Record<string, string | undefined>,
  osUser: string,
): ConnectionTarget {
  const user = options.username || environment.PGUSER || osUser
  const port = options.port || environment.PGPORT || defaultPort
  if (!/^[0-9]{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65535) {
    throw new PginstallError('invalid_parameter_value', `invalid port number: "${port}"`, {
      hint: 'A port is a number from 1 to 65535, of --port or PGPORT.',
    })
  }
  const target = {
    host: options.host || environment.PGHOST || defaultHost(),
    port: Number(port),
    user,
    database: options.database || environment.PGDATABASE || user,
  }
  const password = environment.PGPASSWORD
  return password === undefined || password === '' ? target : { ...target, password }
}

/** How the target is told apart in messages: `database "shop" at /var/run/postgresql, port 5432, as "ann"`. */
export function describeConnection({ host, port, user, database }: ConnectionTarget): string {
  return `database "${database}" at ${host}, port ${port}, as "${user}"`
}

/** One place for each machine, as in a packaged libpq: a search through /tmp would find anybody's socket. */
function defaultHost(): string {
  const packaged = statSync(packagedSocketDirectory, { throwIfNoEntry: false })?.isDirectory() ?? false
  return packaged ? packagedSocketDirectory : plainSocketDirectory
}
