// What set-up and the way back refuse so that nobody is locked out, and what they repair where somebody is.
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { installedFiles, modulePath } from '../../src/cluster/extension-files.ts'
import type { Cluster } from '../helpers/cluster.ts'
import { type Scene, setScene } from './helpers/scene.ts'

async function prepare(t: ExecutionContext): Promise<{ scene: Scene; cluster: Cluster; module: string }> {
  const scene = await setScene()
  t.teardown(() => scene.close())
  return { scene, cluster: await scene.addCluster(), module: modulePath(scene.installation) }
}

function refuses(t: ExecutionContext, scene: Scene, args: string[], said: RegExp): void {
  const { status, stderr } = scene.setup(...args)
  t.is(status, 1, stderr)
  t.regex(stderr, said)
}

function succeeds(t: ExecutionContext, scene: Scene, ...args: string[]): void {
  const { status, stderr } = scene.setup(...args)
  t.is(status, 0, stderr)
}

async function isOpen(t: ExecutionContext, cluster: Cluster): Promise<void> {
  const session = await cluster.connect()
  t.is((await session.query('SELECT 1 AS one'))[0]?.one, 1)
  await session.client.end()
}

/** What make has installed, with another module. */
function withModule(scene: Scene, content: Buffer): string {
  const directory = scene.directory.make('other')
  for (const file of installedFiles(scene.installation)) {
    mkdirSync(join(directory, dirname(file)), { recursive: true })
    copyFileSync(file, join(directory, file))
  }
  writeFileSync(join(directory, modulePath(scene.installation)), content)
  return directory
}

test.serial('a module that the server cannot load never gets its name; one that is gone is put back', async (t) => {
  const { scene, cluster, module } = await prepare(t)
  succeeds(t, scene)
  const before = statSync(module).ino
  const broken = withModule(scene, readFileSync(module).subarray(0, 4096))
  refuses(
    t,
    scene,
    ['--built', broken],
    /the server cannot load the new pginstall\.so\nDETAIL: .*\n?[\s\S]*Nothing was replaced/,
  )
  t.is(statSync(module).ino, before)
  t.deepEqual(
    readdirSync(dirname(module)).filter((file) => file.endsWith('.new')),
    [],
  )
  await isOpen(t, cluster)

  const session = await cluster.connect()
  await session.query("LOAD 'pginstall'")
  const longer = withModule(scene, Buffer.concat([readFileSync(module), Buffer.alloc(16)]))
  succeeds(t, scene, '--built', longer)
  t.not(statSync(module).ino, before, 'replaced by rename: whoever has the old one mapped keeps it')
  t.is((await session.query('SELECT 1 AS one'))[0]?.one, 1)

  rmSync(module)
  await t.throwsAsync(cluster.connect(), { message: /could not access file "pginstall"/ })
  succeeds(t, scene)
  await isOpen(t, cluster)
})

test.serial('the module stays while a role names it or a session may have it', async (t) => {
  const { scene, cluster, module } = await prepare(t)
  succeeds(t, scene)
  const old = await cluster.connect()
  await old.query('CREATE ROLE stubborn LOGIN')
  await old.query("ALTER ROLE stubborn SET session_preload_libraries = 'pginstall'")
  refuses(t, scene, ['--uninstall'], /may still be needed\nDETAIL: role "stubborn" has it.*\n1 sessions began before/)
  t.true(existsSync(module))
  await old.query('ALTER ROLE stubborn RESET session_preload_libraries')
  refuses(t, scene, ['--uninstall'], /DETAIL: 1 sessions began before/)
  t.true(existsSync(module))
  await isOpen(t, cluster)
  await old.client.end()
  succeeds(t, scene, '--uninstall')
  t.false(existsSync(module))
  await isOpen(t, cluster)
})

test.serial('what databases have is not taken from under them', async (t) => {
  const { scene, cluster, module } = await prepare(t)
  succeeds(t, scene)
  const session = await cluster.connect()
  await session.query('CREATE DATABASE other')
  const other = await cluster.connect({ database: 'other' })
  await other.query('CREATE EXTENSION pginstall')
  // As a sidecar leaves it: a link in the target's directory, and functions that name it.
  const links = join(scene.state, 'main', 'lib')
  mkdirSync(links, { recursive: true })
  copyFileSync(join(scene.installation.pkglibdir, 'citext.so'), join(links, 'citext--x.example+citext.so'))
  await session.query(
    "CREATE FUNCTION f(text, text) RETURNS int LANGUAGE c AS 'citext--x.example+citext', 'citext_cmp'",
  )
  await Promise.all([session.client.end(), other.client.end()])
  refuses(t, scene, ['--uninstall'], /Database "other": pginstall\.\nDatabase "postgres": f\.\nHINT: Drop them/)
  t.true(existsSync(module))
  t.is(cluster.psql('SHOW session_preload_libraries', { args: ['-At'] }).output.trim(), 'pginstall')
})

test.serial('where ALTER SYSTEM cannot do it, nothing is left half done and it is said why', async (t) => {
  const { scene, cluster } = await prepare(t)
  await cluster.stop()
  const stubborn = await scene.restartCluster('-c', 'session_preload_libraries=auto_explain')
  refuses(t, scene, [], /not in force[\s\S]*session_preload_libraries comes from: command line/)
  const autoConf = readFileSync(join(scene.dataDirectory(), 'postgresql.auto.conf'), 'utf8')
  t.notRegex(autoConf, /preload/)
  await stubborn.stop()
  const broken = await scene.restartCluster()
  appendFileSync(join(scene.dataDirectory(), 'postgresql.conf'), 'nonsense\n')
  refuses(
    t,
    scene,
    [],
    /the configuration of the server has errors\nDETAIL: .*postgresql\.conf, line [0-9]+: syntax error/,
  )
  await isOpen(t, broken)
})

test.serial('what is no cluster of the installation, or not ours to touch, is refused', async (t) => {
  const { scene, cluster } = await prepare(t)
  refuses(t, scene, ['--data-directory', scene.directory.path], /is not the data directory of a cluster/)
  refuses(t, scene, ['--target', 'store'], /invalid target name: "store"/)
  refuses(t, scene, ['--role', 'nobody_knows'], /could not connect to cluster[\s\S]*HINT: A superuser must be let in/)
  refuses(t, scene, ['--built', scene.directory.make('empty')], /the extension "pginstall" is not in/)
  scene.directory.make(basename(scene.state))
  if (process.getuid?.() === 0) refuses(t, scene, [], /does not belong to OS user/)
  t.false(existsSync(modulePath(scene.installation)))
  await isOpen(t, cluster)
})
