import test from 'ava'
import { runPginstall } from '../helpers/command.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

test('config sets, shows one and shows all', (t) => {
  const directory = makeTemporaryDirectory('config')
  t.teardown(() => directory.remove())
  const run = (...args: string[]) => runPginstall(directory.path, args)
  t.is(run('config', 'listen-port', '9000').status, 0)
  t.is(run('config', 'listen_port').stdout, '9000\n')
  t.regex(run('config').stdout, /^listen_port = '9000'\t# .*pginstall\.conf:1\)$/m)
  const rows = JSON.parse(run('config', '--json').stdout) as { name: string; value: string }[]
  t.is(rows.find(({ name }) => name === 'listen_port')?.value, '9000')
})

test('what is wrong is said with SQLSTATE and hint, and exit statuses are those of commands', (t) => {
  const directory = makeTemporaryDirectory('config')
  t.teardown(() => directory.remove())
  const unknown = runPginstall(directory.path, ['config', 'no-such'])
  t.is(unknown.status, 1)
  t.regex(unknown.stderr, /^pginstall: error: unrecognized setting: "no-such"\nHINT: .*\nSQLSTATE: 22023$/m)
  t.is(runPginstall(directory.path, ['nonsense']).status, 2)
  t.is(runPginstall(directory.path, ['--version']).status, 0)
  t.is(runPginstall(directory.path, ['config', '--help']).status, 0)
})
