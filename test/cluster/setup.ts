// Set-up and the way back against real clusters: settings that exist, repetition, interruption, several clusters.
// Serial: the command is waited for without doing anything else, so nothing would run beside it.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { Cluster } from '../helpers/cluster.ts'
import type { Outcome } from '../helpers/command.ts'
import { type Scene, setScene } from './helpers/scene.ts'

async function scene(t: ExecutionContext): Promise<Scene> {
  const made = await setScene()
  t.teardown(() => made.close())
  return made
}

function succeeds(t: ExecutionContext, outcome: Outcome): Outcome {
  t.is(outcome.status, 0, outcome.stderr)
  return outcome
}

/** A value as a new session has it, which is also the proof that logins work. */
async function shown(cluster: Cluster, name: string): Promise<unknown> {
  const session = await cluster.connect()
  const rows = await session.query(`SELECT current_setting('${name}', true) AS value`)
  await session.client.end()
  return rows[0]?.value
}

function newPaths(before: Record<string, string>, after: Record<string, string>): string[] {
  return Object.keys(after).filter((name) => !(name in before))
}

/** Before every second change, since each takes seconds; before each of them in the command for it. */
const stride = process.env.PGINSTALL_TEST_EVERY_CHANGE === 'yes' ? 1 : 2
const preload = 'session_preload_libraries'
const path = 'dynamic_library_path'
const autoConf = (stage: Scene) => readFileSync(join(stage.dataDirectory(), 'postgresql.auto.conf'), 'utf8')
const moduleOf = (stage: Scene) => join(stage.installation.pkglibdir, 'pginstall.so')

test.serial('the hook is there after set-up, a dry run says so before, and repeating it changes nothing', async (t) => {
  const stage = await scene(t)
  const cluster = await stage.addCluster()
  const before = stage.snapshot()
  const { stdout } = succeeds(t, stage.setup('--dry-run'))
  for (const touched of [moduleOf(stage), stage.unitDirectory, stage.state, 'pginstall.conf', preload, path]) {
    t.true(stdout.includes(touched), `${touched} in:\n${stdout}`)
  }
  t.deepEqual(stage.snapshot(), before, 'a dry run touches nothing')

  succeeds(t, stage.setup())
  t.is(await shown(cluster, preload), 'pginstall')
  t.is(await shown(cluster, path), `$libdir:${join(stage.state, 'main', 'lib')}`)
  t.is(await shown(cluster, 'pginstall.socket'), join(stage.directory.path, 'run', 'main.sock'))
  const after = stage.snapshot()
  t.regex(succeeds(t, stage.setup()).stderr, /everything is as it should be/)
  t.deepEqual(stage.snapshot(), after)

  // As "pginstall tsearch link" makes them; that of the private installation is a link to the system's.
  const folder = join(stage.installation.sharedir, 'tsearch_data')
  rmSync(folder)
  mkdirSync(folder)
  symlinkSync('/somewhere/else', join(folder, 'theirs.syn'))
  symlinkSync(join(stage.state, 'store', 'any', 'x.syn'), join(folder, 'ours.syn'))
  succeeds(t, stage.setup('--uninstall'))
  t.deepEqual(readdirSync(folder), ['theirs.syn'])
  t.is(await shown(cluster, preload), '')
  t.deepEqual(newPaths(before, stage.snapshot()), [])
  t.notRegex(autoConf(stage), /pginstall|preload|library/)
  t.regex(succeeds(t, stage.setup('--uninstall')).stderr, /nothing to do/)
})

test.serial('settings of files and of ALTER SYSTEM are merged, and stay when ours go', async (t) => {
  const stage = await scene(t)
  const cluster = await stage.addCluster({ [preload]: 'auto_explain', [path]: '/opt/a:$libdir' })
  const session = await cluster.connect()
  await session.query(`ALTER SYSTEM SET ${preload} = 'auto_explain', 'passwordcheck'`)
  await session.query('SELECT pg_reload_conf()')
  await session.client.end()
  succeeds(t, stage.setup('--shared'))
  t.is(await shown(cluster, preload), 'auto_explain, passwordcheck, pginstall')
  t.is(await shown(cluster, path), `/opt/a:$libdir:${join(stage.state, 'main', 'lib')}`)
  t.regex(autoConf(stage), /^shared_preload_libraries = 'pginstall'$/m)

  succeeds(t, stage.setup('--uninstall'))
  t.is(await shown(cluster, preload), 'auto_explain, passwordcheck')
  t.is(await shown(cluster, path), '/opt/a:$libdir')
  t.notRegex(autoConf(stage), /dynamic_library_path|shared_preload/, 'what the file says needs no ALTER SYSTEM')
})

test.serial(
  'a cluster that is down is set up for its next start, and its postmaster may keep the module to its end',
  async (t) => {
    const stage = await scene(t)
    const first = await stage.addCluster()
    const session = await first.connect()
    await session.query("ALTER SYSTEM SET work_mem = '5MB'")
    await first.stop()
    const down = ['--shared', '--data-directory', stage.dataDirectory()]
    t.regex(succeeds(t, stage.setup(...down)).stderr, /does not run/)
    t.regex(autoConf(stage), /^work_mem = '5MB'$/m)
    t.is(statSync(join(stage.dataDirectory(), 'postgresql.auto.conf')).uid, statSync(stage.dataDirectory()).uid)
    const again = await stage.restartCluster()
    t.is(await shown(again, 'shared_preload_libraries'), 'pginstall')
    t.is(await shown(again, preload), 'pginstall')
    t.is(await shown(again, path), `$libdir:${join(stage.state, 'main', 'lib')}`)

    // Every process has it from the postmaster: no file is opened any more, whoever stays.
    await again.connect()
    succeeds(t, stage.setup('--uninstall'))
    t.false(existsSync(moduleOf(stage)))
    t.is(await shown(again, preload), '')
    succeeds(t, stage.setup())
    await again.stop()
    const refused = stage.setup('--uninstall')
    t.is(refused.status, 1)
    t.regex(refused.stderr, /does not run\n.*\nHINT: Start it/)
    t.true(existsSync(moduleOf(stage)))
  },
)

test.serial('two installations of one major and two clusters of one installation are three targets', async (t) => {
  const stage = await scene(t)
  const other = await stage.addInstallation('other')
  const names = ['cluster', 'second', 'third'] as const
  const clusters = [
    await stage.addCluster(),
    await stage.addCluster({}, 'second'),
    await stage.addCluster({}, 'third', other),
  ] as const
  const several = stage.setup()
  t.is(several.status, 1)
  t.regex(several.stderr, /several clusters belong to/)

  const place = (at: number) => ['--data-directory', stage.dataDirectory(names[at])]
  succeeds(t, stage.setup(...place(0)))
  t.regex(stage.setup(...place(1)).stderr, /target "main" is cluster/)
  t.regex(stage.setup('--target', 'two', ...place(0)).stderr, /target "main" is cluster/)
  succeeds(t, stage.setup('--target', 'two'))
  succeeds(t, stage.setup('--target', 'three', '--pg-config', other.path))
  for (const [at, target] of ['main', 'two', 'three'].entries()) {
    const cluster = clusters[at] as Cluster
    t.is(await shown(cluster, 'pginstall.socket'), join(stage.directory.path, 'run', `${target}.sock`))
    t.is(await shown(cluster, path), `$libdir:${join(stage.state, target, 'lib')}`)
  }
  t.regex(stage.setup('--data-directory', stage.dataDirectory('third')).stderr, /another installation runs cluster/)

  succeeds(t, stage.setup('--uninstall'))
  t.true(existsSync(moduleOf(stage)), 'the second cluster needs it')
  t.is(await shown(clusters[1], preload), 'pginstall')
  succeeds(t, stage.setup('--uninstall', '--target', 'two'))
  t.false(existsSync(moduleOf(stage)))
  succeeds(t, stage.setup('--uninstall', '--target', 'three'))
  for (const cluster of clusters) t.is(await shown(cluster, preload), '')
  t.false(existsSync(stage.state))
})

/** Logs in, also after a reload by somebody else, which makes half of the settings hold. */
async function isOpen(t: ExecutionContext, cluster: Cluster, when: string): Promise<void> {
  await t.notThrowsAsync(shown(cluster, preload), when)
  await reload(cluster)
  await t.notThrowsAsync(shown(cluster, preload), `${when}, and a reload`)
}

test.serial('set-up killed before any of its changes locks nobody out, and can be taken back', async (t) => {
  const stage = await scene(t)
  const cluster = await stage.addCluster()
  const before = stage.snapshot()
  let change = 1
  for (; stage.killSetup(change); change += stride) {
    await isOpen(t, cluster, `killed before change ${change}`)
    succeeds(t, stage.setup('--uninstall'))
    t.deepEqual(newPaths(before, stage.snapshot()), [])
  }
  t.true(change > 12, `set-up has ${change - 1} changes`)
  t.is(await shown(cluster, preload), 'pginstall')
})

test.serial('the way back killed before any of its changes locks nobody out, and set-up repairs all', async (t) => {
  const stage = await scene(t)
  const cluster = await stage.addCluster()
  const before = stage.snapshot()
  succeeds(t, stage.setup())
  let change = 1
  for (; stage.killSetup(change, '--uninstall'); change += stride) {
    await isOpen(t, cluster, `killed before change ${change}`)
    succeeds(t, stage.setup())
    t.is(await shown(cluster, preload), 'pginstall')
  }
  t.true(change > 10, `the way back has ${change - 1} changes`)
  t.deepEqual(newPaths(before, stage.snapshot()), [])
})

async function reload(cluster: Cluster): Promise<void> {
  const session = await cluster.connect()
  await session.query('SELECT pg_reload_conf()')
  await session.client.end()
}
