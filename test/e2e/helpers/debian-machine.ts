// This machine as Debian made it, for set-up to work on where it really works: in a mount and process name space whose
// /etc, /run, /var/lib, /var/log, /opt and PostgreSQL installation are copies. All of it, servers too, ends with the space.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { packagePath } from '../../../src/adapters/package-root.ts'
import { isRoot } from '../../helpers/os-users.ts'
import { makeTemporaryDirectory } from '../../helpers/temporary-directory.ts'

export type DebianMachine = {
  /** Runs a program to its end, as root where no user is named; standard output and error together. */
  run(args: string[], user?: string): { status: number | null; output: string }
  /** The same, in the background: it ends with the machine at the latest. */
  start(args: string[], user: string, environment?: Record<string, string>): ChildProcess
  /** What systemctl was asked for, a line each. */
  asked(): string
  close(): Promise<void>
}

/** Where pginstall is installed in the machine: home directories and checkouts are nobody else's to read. */
export const installedAt = '/opt/pginstall'

const major = '15'
export const debianPgConfig = `/usr/lib/postgresql/${major}/bin/pg_config`
const copied = ['/etc', `/usr/lib/postgresql/${major}/lib`, `/usr/share/postgresql/${major}/extension`]
const emptied = ['/run', '/var/lib', '/var/log', '/opt']

/** Why there cannot be one here; undefined when there can. */
export function whyNoDebianMachine(): string | undefined {
  if (!isRoot) return 'not root'
  if (!existsSync(debianPgConfig) || !existsSync('/usr/bin/pg_createcluster')) return 'no PostgreSQL of Debian'
  const { status } = spawnSync('unshare', ['--mount', '--pid', '--fork', 'mount', '-t', 'tmpfs', 'none', '/mnt'])
  return status === 0 ? undefined : 'no name spaces'
}

export async function makeDebianMachine(): Promise<DebianMachine> {
  const directory = makeTemporaryDirectory('debian')
  const place = (path: string) => join(directory.path, path)
  const log = place('systemctl.log')
  writeFileSync(log, '')
  // Says of every unit that it neither runs nor is enabled, and of everything else that it has been done.
  writeFileSync(place('systemctl'), `#!/bin/sh\necho "$@" >> ${log}\ncase "$*" in *' is-'*) exit 3;; esac\n`)
  chmodSync(place('systemctl'), 0o755)
  const node = dirname(dirname(process.execPath))
  for (const path of emptied) mkdirSync(place(path), { recursive: true })
  const script = [
    'set -e',
    'mount --make-rprivate /',
    ...copied.map(
      (path) => `mkdir -p ${dirname(place(path))}; cp -a ${path} ${place(path)}; mount --bind ${place(path)} ${path}`,
    ),
    ...emptied.map((path) => `mount --bind ${place(path)} ${path}`),
    // The clusters of the real machine, whose data is not here.
    'rm -rf /etc/postgresql/*',
    'mkdir -p /run/systemd/system /opt/pginstall /opt/node /var/lib/postgresql /var/log/postgresql',
    'install -d -o postgres -g postgres /run/postgresql /var/lib/postgresql',
    `mount --bind ${packagePath('.')} ${installedAt}`,
    `mount --bind ${node} /opt/node`,
    `mount --bind ${place('systemctl')} /usr/bin/systemctl`,
    'echo ready',
    'exec cat',
  ].join('\n')
  const options = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  const holder = spawn('unshare', [...options, 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(holder, 'exit')
  await Promise.race([once(holder.stdout, 'data'), ended])
  const first = readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8').trim()
  const enter = (args: string[], user?: string) => [
    ...['--target', first, '--mount', '--pid', '--wd=/', '--'],
    ...(user === undefined ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', '--']),
    ...args,
  ]
  const plain = { PATH: '/opt/node/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' }
  return {
    run(args, user) {
      const ran = spawnSync('nsenter', enter(args, user), { env: plain, encoding: 'utf8' })
      return { status: ran.status, output: ran.stdout + ran.stderr }
    },
    start: (args, user, environment = {}) =>
      spawn('nsenter', enter(args, user), { env: { ...plain, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] }),
    asked: () => readFileSync(log, 'utf8'),
    async close() {
      holder.stdin.end()
      await ended
      directory.remove()
    },
  }
}
