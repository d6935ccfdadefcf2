// What prepare-upgrade refuses before it asks anybody; test/upgrade/ has what it does.
import test from 'ava'
import { readBuiltAgainst } from '../../src/adapters/pg-config.ts'
import { readServerFacts } from '../../src/cluster/built-against.ts'
import { type Scene, setScene } from '../cluster/helpers/scene.ts'
import { runPginstall } from '../helpers/command.ts'

let scene: Scene

test.before(async () => {
  scene = await setScene()
  await scene.addCluster({}, 'one')
  await scene.addCluster({}, 'two')
  for (const name of ['one', 'two']) {
    const { status, stderr } = scene.setup('--target', name, '--data-directory', scene.dataDirectory(name))
    if (status !== 0) throw new Error(stderr)
  }
  await scene.addCluster({}, 'three')
})

test.after.always(() => scene?.close())

const prepare = (...args: string[]) => runPginstall(scene.configDirectory, ['prepare-upgrade', ...args])

test('without both clusters it is wrong usage', (t) => {
  t.is(prepare('--old', 'one').status, 2)
})

test('a name that is nothing is an error that says what there is', (t) => {
  const { status, stderr } = prepare('--old', 'none', '--new', 'two')
  t.is(status, 1)
  t.regex(stderr, /there is no cluster "none".*targets are: one, two.*SQLSTATE: 58P01/s)
})

test('an installation with several targets is not enough', (t) => {
  const { stderr } = prepare('--old', scene.installation.path, '--new', 'two')
  t.regex(stderr, /several targets belong to .*They are one, two/s)
})

test('the new cluster must be a target', (t) => {
  const { stderr } = prepare('--old', 'one', '--new', scene.dataDirectory('three'))
  t.regex(stderr, /three\/data" is no target of pginstall.*pginstall setup --pg-config/s)
})

test('the new cluster must be of a newer major', (t) => {
  const { stderr } = prepare('--old', scene.dataDirectory('one'), '--new', 'two')
  t.regex(stderr, /cannot upgrade from PostgreSQL (\d+) to \1\n/)
})

test('our module says what it is built against, as the headers do', async (t) => {
  const { installation } = scene
  t.deepEqual(readServerFacts(installation), await readBuiltAgainst(installation, AbortSignal.timeout(30_000)))
})

test('an installation without our module is not set up', async (t) => {
  const bare = await scene.addInstallation('bare')
  t.throws(() => readServerFacts(bare), { message: /does not have this release's module/ })
})
