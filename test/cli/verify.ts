// verify, on stores whose files were damaged in every way.

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { runPginstall, writeSettings } from '../helpers/command.ts'
import { writeSourceTree } from '../helpers/source-trees.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

let stage: Stage

test.before(async () => {
  stage = await setStage()
  const tree = (name: string) =>
    writeSourceTree(stage.directory.path, {
      name,
      sql: `CREATE FUNCTION ${name}() RETURNS int LANGUAGE sql AS 'SELECT 1';`,
    })
  stage.publish(tree('apple'), ['git.example/a/apple'])
  stage.publish(tree('pear'), ['git.example/a/pear'])
  stage.cluster.psql('CREATE EXTENSION apple')
  stage.cluster.psql('CREATE EXTENSION pear')
})

test.after.always(() => stage?.close())

type Report = { archives: number; files: number; bytes: number; faults: { path: string; fault: string }[] }

/** A copy of the store to damage, with its hard links. */
function copyStore(t: ExecutionContext) {
  const directory = stage.directory.make(t.title.replace(/[^a-z]+/gi, '-'))
  const state = join(directory, 'state')
  execFileSync('cp', ['-a', stage.state, state])
  writeSettings(join(directory, 'etc'), 'pginstall', { directory: state })
  const archive = (name: string) => {
    const releases = join(state, 'store', 'any', `git.example+a+${name}`, '1.0')
    return join(releases, readdirSync(releases)[0] as string)
  }
  return {
    state,
    archive,
    run: (...args: string[]) => runPginstall(join(directory, 'etc'), ['verify', ...args]),
    list: () => runPginstall(join(directory, 'etc'), ['list']),
    faults(): Report['faults'] {
      const { status, stdout } = runPginstall(join(directory, 'etc'), ['verify', '--json'])
      t.is(status, 1)
      return (JSON.parse(stdout) as Report).faults
    },
  }
}

/** The shared file of which a file of the store is a hard link. */
function sharedFileOf(state: string, path: string): string {
  const { ino } = statSync(path)
  const shared = join(state, 'files')
  return readdirSync(shared)
    .map((name) => join(shared, name))
    .find((file) => statSync(file).ino === ino) as string
}

test('a store as the sidecar left it is as it must be', (t) => {
  const { run } = copyStore(t)
  const { status, stdout, stderr } = run('--json')
  t.is(status, 0, stderr)
  const { archives, files, bytes, faults } = JSON.parse(stdout) as Report
  t.is(archives, 2)
  t.is(files, 4)
  t.true(bytes > 100)
  t.deepEqual(faults, [])
  t.regex(run().stdout, /^2 archives, 4 files, \d+ bytes: all as they must be\n$/)
})

test('other bytes are seen, in the archive and where archives share them', (t) => {
  const { archive, run, state } = copyStore(t)
  const script = join(archive('apple'), 'apple', 'apple--1.0.sql')
  const text = readFileSync(script, 'utf8')
  chmodSync(script, 0o644)
  // In place, so that its hard link in the shared files changes with it; of the same size.
  writeFileSync(script, text.replace('SELECT 1', 'SELECT 2'))
  const { status, stdout } = run()
  t.is(status, 1)
  t.true(stdout.includes(`wrong: ${script} has SHA-256 `))
  t.regex(stdout, /, the manifest says [0-9a-f]{64}$/m)
  t.regex(stdout, new RegExp(`^wrong: ${join(state, 'files')}/[0-9a-f]{64} has SHA-256 [0-9a-f]{64}$`, 'm'))
  t.regex(stdout, /: 2 wrong$/m)
})

test('a file of another length, a missing one, one too many and one that others may write', (t) => {
  const { archive, faults } = copyStore(t)
  const apple = archive('apple')
  const pear = archive('pear')
  const replace = (path: string, content: string) => {
    rmSync(path)
    writeFileSync(path, content)
  }
  replace(join(apple, 'apple.control'), 'x')
  rmSync(join(apple, 'apple', 'apple--1.0.sql'))
  writeFileSync(join(apple, 'apple', 'more.sql'), '')
  chmodSync(join(pear, 'pear.control'), 0o666)
  const found = Object.fromEntries(faults().map(({ path, fault }) => [path, fault]))
  t.regex(found[join(apple, 'apple.control')] ?? '', /^has 1 bytes, the manifest says \d+$/)
  t.is(found[join(apple, 'apple', 'apple--1.0.sql')], 'is missing')
  t.is(found[join(apple, 'apple', 'more.sql')], 'is not in the manifest')
  t.true(Object.values(found).includes('may be written by others than its owner'))
  t.is(Object.keys(found).length, 4)
})

test('links, pipes and strange files are faults, and hold nobody up', (t) => {
  const { archive, faults, state } = copyStore(t)
  const apple = archive('apple')
  const control = join(apple, 'apple.control')
  rmSync(control)
  symlinkSync('/dev/zero', control)
  // Of the right content, but no file of the archive's own.
  const linked = join(apple, 'apple', 'apple--1.0.sql')
  const shared = sharedFileOf(state, linked)
  rmSync(linked)
  symlinkSync(shared, linked)
  const script = join(archive('pear'), 'pear', 'pear--1.0.sql')
  rmSync(script)
  execFileSync('mkfifo', [script])
  writeFileSync(join(state, 'store', 'stray'), '')
  writeFileSync(join(state, 'files', 'stray'), '')
  const found = Object.fromEntries(faults().map(({ path, fault }) => [path, fault]))
  t.regex(found[control] ?? '', /^cannot be read: ELOOP/)
  t.regex(found[linked] ?? '', /^cannot be read: ELOOP/)
  t.is(found[script], 'cannot be read: not a regular file')
  t.is(found[join(state, 'store', 'stray')], 'does not belong there')
  t.is(found[join(state, 'files', 'stray')], 'does not belong there')
})

test('a manifest that is gone, broken or another’s is a fault', (t) => {
  const { archive, faults } = copyStore(t)
  const [apple, pear] = [join(archive('apple'), 'manifest.json'), join(archive('pear'), 'manifest.json')]
  rmSync(apple)
  t.deepEqual(faults(), [{ path: apple, fault: 'is missing' }])
  cpSync(pear, apple)
  t.deepEqual(faults(), [{ path: apple, fault: 'is that of git.example+a+pear/1.0' }])
  writeFileSync(apple, '{')
  t.regex(faults()[0]?.fault ?? '', /^cannot be read: malformed manifest/)
})

test('where there is no store, that is said', (t) => {
  const { run, list, state } = copyStore(t)
  rmSync(state, { recursive: true })
  t.false(existsSync(state))
  for (const { status, stderr } of [run(), list()]) {
    t.is(status, 1)
    t.regex(stderr, /there is no store in ".*"\n(.*\n)*SQLSTATE: 58P01/)
  }
})
