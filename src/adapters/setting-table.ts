// The one table of settings that hold for everyone who reads pginstall.conf.
import { PginstallError } from '../model/errors.ts'
import type { Definition } from './setting-kinds.ts'

export const definitions = {
  // Everyone
  pg_config: {
    kind: 'text',
    default: 'pg_config',
    description: 'pg_config of the PostgreSQL installation to work with',
  },
  // Repository server
  repository_user: {
    kind: 'text',
    default: 'pginstall-server',
    description: 'OS user that the repository server becomes when started as root',
  },
  server_directory: {
    kind: 'text',
    default: '/var/lib/pginstall-server',
    description: "repository server's data directory",
  },
  dburi: {
    kind: 'text',
    default: '',
    description: "repository's database; empty for a private cluster in server_directory",
  },
  listen_address: { kind: 'text', default: '127.0.0.1', description: 'address that the repository server listens on' },
  listen_port: {
    kind: 'integer',
    default: '8042',
    description: 'port that the repository server listens on; 0 for a free one',
  },
  server_uri: {
    kind: 'text',
    default: '',
    description: 'public URI of the repository server; empty for address and port',
  },
  archive_path: {
    kind: 'text',
    default: '',
    description: 'where the repository server keeps archives; empty for server_directory/archives',
  },
  index_max_age: {
    kind: 'milliseconds',
    default: '10s',
    description: 'how long sidecars and caches may go by the index without asking the repository server',
  },
  max_archive_size: { kind: 'bytes', default: '1GB', description: 'largest archive that is taken' },
  admin_token_file: {
    kind: 'text',
    default: '',
    description: 'file with the token for changes; empty for server_directory/admin-token',
  },
  // Build system
  build_root: { kind: 'text', default: '', description: 'where sources are built; empty for the temporary directory' },
  build_user: { kind: 'text', default: 'nobody', description: 'OS user that builds run as when started as root' },
  gmake: { kind: 'text', default: 'make', description: 'GNU make' },
  // Sidecar
  user: {
    kind: 'text',
    default: 'pginstall',
    description: 'OS user that the sidecar becomes when started as root',
  },
  target: { kind: 'text', default: 'main', description: 'name of the cluster that the sidecar serves' },
  socket: { kind: 'text', default: '/run/pginstall/main.sock', description: 'socket that the sidecar listens on' },
  directory: {
    kind: 'text',
    default: '/var/lib/pginstall',
    description: 'where the sidecar keeps store, extension roots and module links',
  },
  data_directory: {
    kind: 'text',
    default: '',
    description: 'data directory of that cluster, for "pginstall setup"; empty for the one that it finds',
  },
  server_user: {
    kind: 'text',
    default: 'postgres',
    description: 'OS user of the PostgreSQL server that the sidecar serves',
  },
  repositories: { kind: 'names', default: '', description: 'names of the repositories, in the order they are asked' },
  allow: { kind: 'patterns', default: '**', description: 'full names that may be installed' },
  deny: { kind: 'patterns', default: '', description: 'full names that may not, whatever allow says' },
  pins: {
    kind: 'pins',
    default: '',
    description: 'versions that extensions are held at: github.com/dim/prefix=1.2.10, github.com/ours/*=2.*',
  },
  connect_timeout: {
    kind: 'milliseconds',
    default: '10s',
    description: 'longest wait for a connection to a repository',
  },
  stall_timeout: {
    kind: 'milliseconds',
    default: '30s',
    description: 'longest silence of a repository during a transfer',
  },
} as const satisfies Record<string, Definition>

export type SettingName = keyof typeof definitions

/** `listen-port` and `Listen_Port` are listen_port, as on postgres's command line. */
export function settingName(text: string): SettingName {
  const name = text.toLowerCase().replaceAll('-', '_')
  if (Object.hasOwn(definitions, name)) return name as SettingName
  throw new PginstallError('invalid_parameter_value', `unrecognized setting: "${text}"`, {
    hint: '"pginstall config" lists all settings.',
  })
}

export function describeSetting(name: SettingName): string {
  return definitions[name].description
}
