// A machine of its own: a container that has booted systemd, with this package installed and nothing of this clone. Its
// files are layers over MACHINE_ROOT, its network is loopback. All of it, processes too, ends with the container.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, cpSync, existsSync, mkdirSync, openSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { packagePath } from '../../../src/adapters/package-root.ts'
import { makeTemporaryDirectory } from '../../helpers/temporary-directory.ts'

export type Ran = { status: number | null; stdout: string; stderr: string }

export type Machine = {
  /** A shell command to its end, as root where no user is named. */
  run(command: string, user?: string): Ran
  /** The same, of what must succeed; its standard output. */
  succeed(command: string, user?: string): string
  /** A shell command that goes on beside us. */
  start(command: string): ChildProcess
  /** Copies a file or a tree into the machine. */
  copy(from: string, to: string): void
  reboot(): Promise<void>
  close(): Promise<void>
}

const bootTimeLimitMs = 120_000
/** EXIT_FORCE_RESTART, systemd.exec(5). */
const statusReboot = 133
const runTimeLimitSeconds = 180
const pollMs = 50

/** Waits for what time alone brings, and says what it was when it does not come. */
export async function until(what: string, holds: () => boolean, limitMs = bootTimeLimitMs): Promise<void> {
  const deadline = Date.now() + limitMs
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not within ${limitMs / 1000} s: ${what}`)
    await delay(pollMs)
  }
}

export async function bootMachine(): Promise<Machine> {
  const lower = process.env.MACHINE_ROOT
  if (lower === undefined) throw new Error('start these tests by: npm run test:systemd')
  const directory = makeTemporaryDirectory('systemd')
  const [upper, work, root] = ['upper', 'work', 'root'].map((name) => directory.make(name)) as [string, string, string]
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', `lowerdir=${lower},upperdir=${upper},workdir=${work}`, root])
  installPackage(root, directory.path)
  const log = join(directory.path, 'console.log')
  const groups = makeControlGroups()
  let container = startContainer(root, log, groups)
  let init = ''
  const nsenter = (command: string, user?: string) => [
    ...['--target', init, '--all', '--', '/usr/bin/env', '-C', '/', '-i', 'LC_ALL=C.UTF-8'],
    ...['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root'],
    ...(user === undefined ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', '--']),
    ...['timeout', '--kill-after=1', String(runTimeLimitSeconds), 'sh', '-c', command],
  ]
  const run: Machine['run'] = (command, user) => {
    const { status, stdout, stderr } = spawnSync('nsenter', nsenter(command, user), { encoding: 'utf8' })
    return { status, stdout, stderr }
  }
  /** Until all that starts at a boot has started, or failed. */
  const booted = async (before: string) => {
    await until('a new init process', () => {
      // Where it has no unit of its own, it ends with this status, for whoever has started it to do so again.
      if (container.exitCode === statusReboot) container = startContainer(root, log, groups)
      init = initOf(container)
      return init !== '' && init !== before
    })
    const answers = /^(running|degraded)$/m
    await until('the end of the boot', () => answers.test(run('systemctl is-system-running').stdout))
  }
  const machine: Machine = {
    run,
    succeed(command, user) {
      const { status, stdout, stderr } = run(command, user)
      if (status !== 0) throw new Error(`${command}: status ${status}\n${stdout}${stderr}`)
      return stdout
    },
    start: (command) => spawn('nsenter', nsenter(command), { stdio: 'ignore' }),
    copy: (from, to) => cpSync(from, join(root, to), { recursive: true }),
    async reboot() {
      const before = init
      run('systemctl reboot')
      await booted(before)
    },
    async close() {
      const ended = once(container, 'exit')
      if (container.exitCode === null) {
        if (init === '') container.kill('SIGKILL')
        else process.kill(Number(init), 'SIGKILL')
        await ended
      }
      execFileSync('umount', [root])
      for (const group of groups) execFileSync('find', [group, '-depth', '-type', 'd', '-delete'])
      directory.remove()
    },
  }
  try {
    await booted('')
    return machine
  } catch (cause) {
    process.stderr.write(readFileSync(log, 'utf8'))
    await machine.close()
    throw cause
  }
}

/** As installation.md has it: below /usr/local, with what is in the tarball and what npm brings. */
function installPackage(root: string, work: string): void {
  const npm = (...args: string[]) =>
    execFileSync('npm', args, { cwd: packagePath('.'), encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  const output = npm('pack', '--json', '--pack-destination', work)
  const [{ filename }] = JSON.parse(output.slice(output.indexOf('['))) as [{ filename: string }]
  npm('install', '--global', '--no-audit', '--no-fund', '--prefix', join(root, 'usr/local'), join(work, filename))
  cpSync(process.execPath, join(root, 'usr/local/bin/node'))
}

/** It ends with us, however we end. */
function startContainer(root: string, logFile: string, groups: string[]): ChildProcess {
  const options = ['--quiet', '--boot', '--register=no', ...(groups.length > 0 ? ['--keep-unit'] : [])]
  const log = openSync(logFile, 'a')
  const entering = groups.map((group) => `echo $$ > '${group}/cgroup.procs'; `).join('')
  const container = spawn(
    'sh',
    [
      '-c',
      `${entering}exec setpriv --pdeathsig=KILL systemd-nspawn "$@"`,
      'sh',
      ...options,
      '--private-network',
      '--console=pipe',
      `--directory=${root}`,
    ],
    { stdio: ['ignore', log, log] },
  )
  closeSync(log)
  return container
}

/**
 * Control groups for a container, which makes groups of fixed names below its own, in each hierarchy that its systemd
 * works in: cgroup v2's, or version 1's with its own beside it. Where systemd runs here too, it makes them.
 */
function makeControlGroups(): string[] {
  if (existsSync('/run/systemd/system')) return []
  const name = `pginstall-test-${process.pid}`
  return ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd']
    .filter((hierarchy) => existsSync(join(hierarchy, 'cgroup.procs')))
    .map((hierarchy) => {
      mkdirSync(join(hierarchy, name))
      return join(hierarchy, name)
    })
}

/** The container's first process, as it is numbered here, once its systemd listens; before that it is not to be entered. */
function initOf({ pid }: ChildProcess): string {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
    const own = readlinkSync('/proc/self/ns/pid')
    return (
      children.find(
        (child) =>
          readlinkSync(`/proc/${child}/ns/pid`) !== own && existsSync(`/proc/${child}/root/run/systemd/private`),
      ) ?? ''
    )
  } catch {
    return ''
  }
}
