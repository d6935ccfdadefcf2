import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { readGrants } from '../../src/adapters/policy-settings.ts'
import { readRepositories, writeRepositorySetting } from '../../src/adapters/repository-settings.ts'
import { readSettingSources, readSettings, settingName, writeSetting } from '../../src/adapters/settings.ts'
import { listTargets, withTarget } from '../../src/adapters/targets.ts'
import { PginstallError } from '../../src/model/errors.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const someKey = `ed25519:${Buffer.alloc(32).toString('base64')}`

function directory(t: ExecutionContext, text = ''): string {
  const made = makeTemporaryDirectory('settings')
  t.teardown(() => made.remove())
  writeFileSync(join(made.path, 'pginstall.conf'), text)
  return made.path
}

test('values have units, lists and defaults; the last of duplicates wins', (t) => {
  const path = directory(
    t,
    "listen_port = 1\nlisten-port\nrepositories = 'a, b'".replace('listen-port\n', 'listen_port 2\n') +
      "\nstall_timeout = 2min\nmax_archive_size '10MB'",
  )
  const settings = readSettings([path])
  t.is(settings.listen_port, 2)
  t.deepEqual(settings.repositories, ['a', 'b'])
  t.is(settings.stall_timeout, 120_000)
  t.is(settings.max_archive_size, 10 * 1024 * 1024)
  t.deepEqual(settings.allow, ['**'])
})

test("a user's file wins over the system's", (t) => {
  const system = directory(t, 'listen_port = 1\ngmake = gmake')
  const user = directory(t, 'listen_port = 2')
  const sources = readSettingSources([system, user])
  t.is(sources.listen_port.file, join(user, 'pginstall.conf'))
  t.is(sources.gmake.value, 'gmake')
})

for (const [text, reason] of [
  ['no_such = 1', /unrecognized setting: "no_such"/],
  ['listen_port = many', /line 1: invalid value for "listen_port"/],
  ["\nstall_timeout = '3 weeks'", /line 2: invalid value/],
  ["allow = 'github.com/*x'", /invalid full-name pattern/],
  ["allow = 'foo'", /invalid full-name pattern/],
  ["repositories = 'a b'", /invalid repository name: "a b"/],
  ["stall_timeout = '10'", /invalid value/],
] as const) {
  test(`a broken file is refused, with file and line: ${text.trim()}`, (t) => {
    const error = t.throws(() => readSettings([directory(t, text)]), { instanceOf: PginstallError })
    t.regex(error?.message ?? '', reason)
    t.regex(error?.message ?? '', /pginstall\.conf" contains an error in line/)
  })
}

test('setting a value keeps every other line', async (t) => {
  const path = directory(t, "# ours\nlisten_port = 1 # old\ngmake = 'gmake'\n")
  await writeSetting(path, 'listen_port', '8042')
  await writeSetting(path, 'server_uri', "it's")
  t.is(
    readFileSync(join(path, 'pginstall.conf'), 'utf8'),
    "# ours\nlisten_port = '8042'\ngmake = 'gmake'\nserver_uri = 'it''s'\n",
  )
  t.is(readSettings([path]).server_uri, "it's")
  await t.throwsAsync(writeSetting(path, 'listen_port', 'x'), { instanceOf: PginstallError })
})

test.serial('who may read a file stays as it was, and the umask does not count', async (t) => {
  const path = directory(t)
  const modeOf = (file: string) => (statSync(join(path, file)).mode & 0o777).toString(8)
  const umask = process.umask(0o077)
  t.teardown(() => process.umask(umask))
  chmodSync(join(path, 'pginstall.conf'), 0o644)
  await writeSetting(path, 'listen_port', '1')
  t.is(modeOf('pginstall.conf'), '644')
  chmodSync(join(path, 'pginstall.conf'), 0o640)
  await writeSetting(path, 'listen_port', '2')
  t.is(modeOf('pginstall.conf'), '640')
  await writeRepositorySetting(path, 'a', 'uri', 'http://127.0.0.1/')
  t.is(modeOf('repositories/a.conf'), '644')
  t.is(modeOf('repositories'), '755')
})

test('names are taken as on a command line', (t) => {
  t.is(settingName('Listen-Port'), 'listen_port')
  t.throws(() => settingName('toString'), { instanceOf: PginstallError })
})

test('repositories come in the order that is set, and must have a key', async (t) => {
  const path = directory(t)
  await writeRepositorySetting(path, 'b.example', 'uri', 'https://b.example/')
  await writeRepositorySetting(path, 'b.example', 'key', someKey)
  await writeRepositorySetting(path, 'a', 'uri', 'http://127.0.0.1/')
  t.throws(() => readRepositories([path], ['a']), { message: /contains an error: there is no "key"/ })
  await writeRepositorySetting(path, 'a', 'unsigned', 'yes')
  t.deepEqual(
    readRepositories([path], ['b.example', 'a']).map(({ name, keys, unsigned }) => ({ name, keys, unsigned })),
    [
      { name: 'b.example', keys: [someKey], unsigned: false },
      { name: 'a', keys: [], unsigned: true },
    ],
  )
  t.throws(() => readRepositories([path], ['../a']), { message: /is not configured/ })
  await t.throwsAsync(writeRepositorySetting(path, '../a', 'uri', 'x'), { instanceOf: PginstallError })
})

test('grants are files of any name', (t) => {
  const path = directory(t)
  mkdirSync(join(path, 'grants'))
  writeFileSync(
    join(path, 'grants', 'x.conf'),
    "role = 'app'\nextensions = 'github.com/dim/*, git.example/**'\ntrusted = yes",
  )
  t.deepEqual(readGrants([path]), [{ role: 'app', extensions: ['github.com/dim/*', 'git.example/**'], trusted: true }])
  writeFileSync(join(path, 'grants', 'y.conf'), "extensions = '**'")
  t.throws(() => readGrants([path]), { message: /there is no "role"/ })
  writeFileSync(join(path, 'grants', 'y.conf'), "rolle = 'app'")
  const misspelt = t.throws(() => readGrants([path]), { instanceOf: PginstallError })
  t.regex(misspelt?.message ?? '', /line 1: unrecognized setting "rolle"/)
  t.is(misspelt?.hint, 'There are: role, extensions, trusted.')
})

test("a target's settings win, and its grants are added to the others", async (t) => {
  const path = directory(t, "socket = '/run/a'\nallow = 'github.com/**'")
  const own = join(path, 'targets', 'reporting')
  await writeSetting(own, 'socket', '/run/reporting')
  for (const [place, role] of [
    [path, 'everywhere'],
    [own, 'here'],
  ] as const) {
    mkdirSync(join(place, 'grants'))
    writeFileSync(join(place, 'grants', 'a.conf'), `role = ${role}\nextensions = '**'`)
  }
  const settings = readSettings(withTarget([path], 'reporting'))
  t.is(settings.socket, '/run/reporting')
  t.deepEqual(settings.allow, ['github.com/**'])
  t.deepEqual(
    readGrants(withTarget([path], 'reporting')).map(({ role }) => role),
    ['everywhere', 'here'],
  )
  t.deepEqual(listTargets([path]), ['reporting'])
  t.is(readSettings([path]).socket, '/run/a')
})

test('a target that nobody has made, or that would lie in the way, is refused', (t) => {
  const path = directory(t)
  t.throws(() => withTarget([path], 'none'), { message: 'target "none" is not configured' })
  for (const name of ['store', '../main', '', '.x']) {
    t.throws(() => withTarget([path], name), { message: `invalid target name: "${name}"` })
  }
})
