// Set-up under a live systemd, as a DBA meets it, in the order of a machine's life. Each test goes on where the one before
// it has ended.
import test, { type ExecutionContext } from 'ava'
import { fetchSource } from '../helpers/source-trees.ts'
import { bootMachine, type Machine, until } from './helpers/machine.ts'

let machine: Machine
test.before('boot', async () => {
  machine = await bootMachine()
  await until('a server', () => sql('SELECT 1').stdout === '1\n')
})
test.after.always(() => machine?.close())

const main = 'pginstall-sidecar@main'
const reporting = 'pginstall-sidecar@reporting'
const server = 'pginstall-server'
const pgConfig = '/usr/lib/postgresql/*/bin/pg_config'

function sql(text: string, port = 5432): { status: number | null; stdout: string; stderr: string } {
  const statements = text.split('; ').map((statement) => `-c '${statement}'`)
  return machine.run(`psql -XAtq -v ON_ERROR_STOP=1 -p ${port} ${statements.join(' ')}`, 'postgres')
}

function runs(t: ExecutionContext, text: string, answer = '', port = 5432): void {
  const { status, stdout, stderr } = sql(text, port)
  t.deepEqual([status, stdout.trim()], [0, answer], `${text}\n${stderr}`)
}

/** What set-up says that it does, a line each. */
function steps(stderr: string): string[] {
  return stderr
    .replaceAll(/^pginstall (server )?setup: /gm, '')
    .split('\n')
    .filter(Boolean)
}

function isActive(...units: string[]): boolean {
  return units.every((unit) => machine.run(`systemctl is-active ${unit}`).stdout === 'active\n')
}

function mainProcess(unit: string): string {
  return machine.succeed(`systemctl show -P MainPID ${unit}`).trim()
}

const asNew = 'everything is as it should be'

test.serial('a dry run shows what is then done, and to repeat it does nothing', (t) => {
  runs(
    t,
    'ALTER SYSTEM SET session_preload_libraries = auto_explain; ALTER SYSTEM SET work_mem = 5000; SELECT pg_reload_conf()',
    't',
  )
  for (const command of ['pginstall server setup', `pginstall setup --pg-config ${pgConfig}`]) {
    const planned = machine.succeed(`${command} --dry-run`).trim().split('\n')
    const { status, stderr } = machine.run(command)
    t.is(status, 0, stderr)
    t.deepEqual(steps(stderr).slice(0, planned.length), planned)
    t.is(steps(machine.run(command).stderr)[0], asNew)
  }
  t.true(isActive(main, server))
  runs(t, 'SHOW session_preload_libraries', 'auto_explain, pginstall')
  for (const unit of [main, server, 'pginstall-sidecar']) {
    t.is(machine.succeed(`systemd-analyze verify ${unit}.service 2>&1`), '', unit)
    const said = machine.succeed(`systemd-analyze security ${unit}.service`)
    t.true(Number(/exposure level for .*: ([0-9.]+)/.exec(said)?.[1]) < 3, said)
  }
})

test.serial('an extension is built, published and created from one service by the other', (t) => {
  machine.copy(fetchSource('prefix', 'trixie'), 'root/prefix')
  machine.succeed('pginstall build /root/prefix --full-name github.com/dim/prefix --output /root/archives')
  machine.succeed('pginstall upload /root/archives/*.tar.gz')
  const { uri, publicKey } = JSON.parse(machine.succeed('pginstall server status --json')) as Record<string, string>
  machine.succeed(
    `pginstall config --repository ours uri ${uri} && pginstall config --repository ours key ${publicKey}`,
  )
  machine.succeed('pginstall config repositories ours')
  runs(t, 'CREATE EXTENSION prefix; SELECT prefix_range($$12$$) @> $$123$$', 't')
  const { status, stdout } = machine.run('pginstall doctor')
  t.is(status, 0, stdout)
  t.notRegex(stdout, /^(warning|error)/m)
})

test.serial('neither service can write, and the repository’s secrets no sidecar read, what is the other’s', (t) => {
  for (const [user, can] of [
    ['pginstall-server', 'test -w /var/lib/pginstall -o -w /var/lib/pginstall/store -o -w /run/pginstall'],
    ['pginstall', 'test -w /var/lib/pginstall-server -o -r /var/lib/pginstall-server'],
  ] as const) {
    t.is(machine.run(can, user).status, 1, user)
  }
})

test.serial('a sidecar that is killed, hangs, or is stopped and started serves again', async (t) => {
  const before = mainProcess(main)
  machine.succeed(`kill -KILL ${before}`)
  await until('another sidecar', () => !['0', before].includes(mainProcess(main)) && isActive(main))
  runs(t, 'DROP EXTENSION prefix; CREATE EXTENSION prefix')
  machine.succeed('systemctl restart pginstall-sidecar')
  runs(t, 'DROP EXTENSION prefix; CREATE EXTENSION prefix')
  machine.succeed('systemctl stop pginstall-sidecar')
  t.regex(sql('CREATE EXTENSION ip4r').stderr, /could not connect to the pginstall sidecar/)
  runs(t, 'CREATE EXTENSION hstore; DROP EXTENSION hstore')
  machine.succeed('systemctl start pginstall-sidecar')
  runs(t, 'DROP EXTENSION prefix; CREATE EXTENSION prefix')
})

test.serial('a service that hangs is found by its watchdog', async (t) => {
  for (const unit of [main, server]) {
    const folder = `/run/systemd/system/${unit}.service.d`
    machine.succeed(
      `mkdir ${folder} && printf '[Service]\\nWatchdogSec=10s\\nTimeoutStopSec=2s\\n' > ${folder}/soon.conf`,
    )
    machine.succeed(`systemctl daemon-reload && systemctl restart ${unit}`)
    const hanging = mainProcess(unit)
    machine.succeed(`kill -STOP ${hanging}`)
    await until('another process', () => !['0', hanging].includes(mainProcess(unit)) && isActive(unit))
    t.regex(machine.succeed(`journalctl -b -u ${unit}`), /Watchdog timeout/)
    machine.succeed(`rm -r ${folder} && systemctl daemon-reload && systemctl restart ${unit}`)
  }
  runs(t, 'DROP EXTENSION prefix; CREATE EXTENSION prefix')
})

test.serial('the repository server is stopped and started by its command and by systemd’s', (t) => {
  machine.succeed('pginstall server stop')
  t.is(machine.run('pginstall server status').status, 3)
  t.is(machine.run(`systemctl is-active ${server}`).stdout, 'inactive\n', 'it was asked to stop')
  machine.succeed('pginstall server start')
  t.regex(machine.run('pginstall server setup').stderr, /a repository server is running[\s\S]*SQLSTATE: 55006/)
  machine.succeed(`pginstall server stop && systemctl start ${server}`)
  t.is(machine.run('pginstall server status').status, 0)
})

test.serial('after a reboot everything serves', async (t) => {
  await machine.reboot()
  t.true(isActive(main, server, 'pginstall-sidecar'))
  t.is(machine.succeed('systemctl --failed --quiet'), '')
  runs(t, 'DROP EXTENSION prefix; CREATE EXTENSION prefix')
  t.is(machine.run('pginstall server status').status, 0)
  t.is(steps(machine.run('pginstall setup').stderr)[0], asNew)
})

test.serial('a second cluster is a target of its own, also without include_dir', (t) => {
  machine.succeed('pg_createcluster $(ls /usr/lib/postgresql) reporting')
  machine.succeed(
    "sed -i '/^include/d' /etc/postgresql/*/reporting/postgresql.conf && pg_ctlcluster $(ls /usr/lib/postgresql) reporting start",
  )
  const { status, stderr } = machine.run(`pginstall setup --pg-config ${pgConfig} --target reporting`)
  t.is(status, 0, stderr)
  t.true(isActive(main, reporting))
  runs(t, 'CREATE EXTENSION prefix', '', 5433)
  runs(t, 'DROP EXTENSION prefix; DROP EXTENSION pginstall', '', 5433)
  machine.succeed('pginstall setup --uninstall --target reporting')
  t.deepEqual([isActive(main), isActive(reporting)], [true, false])
  runs(t, 'SHOW session_preload_libraries', '', 5433)
  runs(t, 'DROP EXTENSION prefix; CREATE EXTENSION prefix')
})

test.serial('taken back, nothing is left but what was configured and published', (t) => {
  t.regex(machine.run('pginstall setup --uninstall').stderr, /databases still have extensions that came by pginstall/)
  runs(t, 'DROP EXTENSION prefix; DROP EXTENSION pginstall')
  const planned = machine.succeed('pginstall setup --uninstall --dry-run').trim().split('\n')
  const { status, stderr } = machine.run('pginstall setup --uninstall')
  t.is(status, 0, stderr)
  t.deepEqual(steps(stderr), planned)
  const uninstalled = machine.run('pginstall server setup --uninstall')
  t.is(uninstalled.status, 0, uninstalled.stderr)
  runs(t, 'SHOW session_preload_libraries; SHOW work_mem', 'auto_explain\n5000kB')
  t.deepEqual(left(), ['/etc/pginstall', '/etc/pginstall/pginstall.conf', '/var/lib/pginstall-server'])
  t.is(machine.succeed('systemctl list-units --all --plain --no-legend "pginstall*"'), '')
  t.is(machine.run('getent passwd pginstall').status, 2)
})

/** Everything with our name, outside of the package itself and of directories for temporary files. */
function left(): string[] {
  return machine.succeed("find /etc /run /usr/lib /usr/share /var/lib -name '*pginstall*' | sort").trim().split('\n')
}

test.serial('killed at any moment it is taken back or finished by another, and nobody is locked out', async (t) => {
  const command = `pginstall setup --pg-config ${pgConfig} --data-directory /var/lib/postgresql/*/main`
  for (const there of [
    '/etc/pginstall/targets',
    '/usr/lib/postgresql/*/lib/pginstall.so',
    '/etc/systemd/system/pginstall-sidecar@.service',
    '/run/pginstall/main.sock',
  ]) {
    machine.start(`echo $$ > /root/pid; exec ${command}`)
    await until(there, () => machine.run(`ls -d ${there}`).status === 0)
    machine.run('kill -KILL $(cat /root/pid)')
    runs(t, 'SHOW work_mem', '5000kB')
    t.is(machine.run('pginstall setup --uninstall').status, 0)
    t.deepEqual(left(), ['/etc/pginstall', '/etc/pginstall/pginstall.conf', '/var/lib/pginstall-server'], there)
  }
  machine.succeed(`${command} && pginstall server setup`)
  runs(t, 'CREATE EXTENSION prefix')
})
