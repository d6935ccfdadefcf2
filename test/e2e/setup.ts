// The one step as root on a machine of Debian's, with nothing but defaults: from the unit that systemd would start to
// CREATE EXTENSION, and all the way back.
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import test from 'ava'
import { datagramListener } from '../helpers/datagrams.ts'
import {
  type DebianMachine,
  debianPgConfig,
  installedAt,
  makeDebianMachine,
  whyNoDebianMachine,
} from './helpers/debian-machine.ts'

const why = whyNoDebianMachine()
const onDebian = why === undefined ? test : test.skip
if (why !== undefined) process.stderr.write(`skipping set-up on Debian: ${why}\n`)

const command = ['/opt/node/bin/node', `${installedAt}/dist/src/cli/main.js`]
const notifySocket = '@pginstall-test'
const watchdogUsec = 200_000

/** What systemd would do with the installed unit: its ExecStart, as its User, with a socket to notify. */
async function startUnit(machine: DebianMachine): Promise<{ said: AsyncIterator<string> }> {
  const unit = machine.run(['cat', '/etc/systemd/system/pginstall-sidecar@.service']).output
  const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1] ?? ''
  const systemd = machine.start(['python3', '-c', datagramListener, notifySocket], value('User'))
  const said = createInterface({ input: systemd.stdout as Readable })[Symbol.asyncIterator]()
  await said.next()
  machine.start(value('ExecStart').replace('%i', 'main').split(' '), value('User'), {
    [value('Environment').split('=')[0]?.slice(1) as string]: value('Environment')
      .split('=')[1]
      ?.slice(0, -1) as string,
    NOTIFY_SOCKET: notifySocket,
    WATCHDOG_USEC: String(watchdogUsec),
  })
  return { said }
}

onDebian('a machine of Debian is set up by one command, serves, and is as before after another', async (t) => {
  const machine = await makeDebianMachine()
  t.teardown(() => machine.close())
  const succeeds = (args: string[], user?: string) => {
    const { status, output } = machine.run(args, user)
    t.is(status, 0, `${args.join(' ')}:\n${output}`)
    return output
  }
  const setup = (...args: string[]) => [...command, 'setup', '--pg-config', debianPgConfig, ...args]
  const sql = (text: string) => ['psql', '-X', '-At', '-v', 'ON_ERROR_STOP=1', '-c', text]
  const everything = () =>
    succeeds([
      'find',
      '/etc',
      '/var/lib',
      '/run',
      '/usr/lib/postgresql/15/lib',
      '/usr/share/postgresql/15/extension',
      '-newermt',
      '@0',
      '-path',
      '*pginstall*',
    ])
  succeeds(['pg_createcluster', '15', 'main'])
  succeeds(['sh', '-c', `echo "session_preload_libraries = 'auto_explain'" > /etc/postgresql/15/main/conf.d/ours.conf`])

  t.regex(succeeds(setup()), /create OS user pginstall\n[\s\S]*pginstall\.so\n/)
  // It was down: what holds from its start on was merged with the file in conf.d by what the server's program reads.
  succeeds(['pg_ctlcluster', '--skip-systemctl-redirect', '15', 'main', 'start'])
  t.is(succeeds(sql('SHOW session_preload_libraries'), 'postgres'), 'auto_explain, pginstall\n')
  t.regex(
    machine.asked(),
    /daemon-reload\n.*enable --now pginstall-sidecar\.service\n.*enable pginstall-sidecar@main\.service\n.*restart pginstall-sidecar@main/,
  )
  t.is(
    succeeds(setup()),
    'pginstall setup: start service pginstall-sidecar@main\n',
    'the same sources, the same module',
  )

  const { said } = await startUnit(machine)
  t.is((await said.next()).value, 'READY=1')
  t.is((await said.next()).value, 'WATCHDOG=1')
  succeeds(sql('CREATE EXTENSION pginstall'), 'postgres')
  t.regex(succeeds(sql('SELECT * FROM pginstall.status()'), 'postgres'), /main/)

  const refused = machine.run(setup('--uninstall'))
  t.is(refused.status, 1)
  t.regex(refused.output, /Database "postgres": pginstall\.\nHINT: .*\nSQLSTATE: 2BP01/)
  succeeds(sql('DROP EXTENSION pginstall'), 'postgres')
  const listening = machine.run(setup('--uninstall'))
  t.regex(listening.output, /a sidecar listens on "\/run\/pginstall\/main\.sock"/, 'systemctl, here, stops nothing')
  succeeds(['sh', '-c', 'kill $(pgrep -u pginstall)'])
  succeeds(setup('--uninstall'))
  t.is(succeeds(sql('SHOW session_preload_libraries'), 'postgres'), 'auto_explain\n')
  t.is(everything(), '')
  t.not(machine.run(['getent', 'passwd', 'pginstall']).status, 0)
  t.regex(
    machine.asked(),
    /disable --now pginstall-sidecar@main[\s\S]*disable --now pginstall-sidecar\.service\n.*daemon-reload\n$/,
  )
})
