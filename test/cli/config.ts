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

test('config shows and sets what a repository has, and refuses what only its reader would have refused', (t) => {
  const directory = makeTemporaryDirectory('config')
  t.teardown(() => directory.remove())
  const run = (...args: string[]) => runPginstall(directory.path, ['config', ...args])
  const ours = (...args: string[]) => run('--repository', 'ours', ...args)
  t.regex(ours().stderr, /repository "ours" is not configured\n.*\nHINT: /)
  t.is(ours('uri', 'https://example.org/').status, 0)
  for (const [args, said] of [
    [['uri', 'ftp://x'], /no http or https URI/],
    [['uri', 'http://example.org/'], /clear text over a network/],
    [['unsigned', 'yes'], /"unsigned" over a network/],
    [['key', 'rubbish'], /invalid public key/],
  ] as const) {
    const { status, stderr } = ours(...args)
    t.is(status, 1, args.join(' '))
    t.regex(stderr, said)
    t.regex(stderr, /^HINT: /m)
  }
  t.is(ours('uri').stdout, 'https://example.org/\n')
  t.is(ours('key').stdout, '\n')
  t.regex(ours().stdout, /^uri = 'https:\/\/example\.org\/'\t# .*ours\.conf:1\)\nkey = ''\t# .*\(default\)$/m)
  t.deepEqual(
    ['allow=foo', 'pins=foo=1.0', 'stall_timeout=10', 'repositories=a b'].map(
      (setting) => run(...(setting.match(/^([^=]*)=(.*)$/)?.slice(1) ?? [])).status,
    ),
    [1, 1, 1, 1],
  )
  t.notRegex(run().stdout, /pginstall\.conf/, 'nothing was written')
})
