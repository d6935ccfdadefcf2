import { join } from 'node:path'
import test from 'ava'
import { runPginstall } from '../helpers/command.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

test('the way back from where nothing was set up is done at once', (t) => {
  const directory = makeTemporaryDirectory('setup')
  t.teardown(() => directory.remove())
  const { status, stderr } = runPginstall(directory.path, ['setup', '--uninstall', '--target', 'reporting'])
  t.is(status, 0)
  t.is(stderr, 'pginstall setup: target "reporting" is not set up; nothing to do\n')
})

test('a pg_config that is none, and a target that is none, end the command before anything is done', (t) => {
  const directory = makeTemporaryDirectory('setup')
  t.teardown(() => directory.remove())
  const run = (...args: string[]) => runPginstall(directory.path, args).stderr
  t.regex(run('setup', '--pg-config', join(directory.path, 'none')), /could not run program ".*none"/)
  t.regex(run('setup', '--pg-config', '/bin/true'), /program "\/bin\/true" does not say its VERSION/)
  t.regex(run('setup', '--target', '../x'), /invalid target name: "\.\.\/x"/)
  t.regex(
    run('sidecar', '--target', 'reporting'),
    /target "reporting" is not configured[\s\S]*pginstall setup --target/,
  )
})

test('settings of a target are set and shown as the others are', (t) => {
  const directory = makeTemporaryDirectory('setup')
  t.teardown(() => directory.remove())
  const run = (...args: string[]) => runPginstall(directory.path, ['config', ...args])
  t.is(run('--target', 'reporting', 'allow', 'github.com/ours/*').status, 0)
  t.is(run('--target', 'reporting', 'allow').stdout, 'github.com/ours/*\n')
  t.is(run('allow').stdout, '**\n')
})
