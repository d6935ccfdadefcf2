// The hook's own tests once more, against servers that run under valgrind: no error has a frame of our module.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { packagePath } from '../../src/adapters/package-root.ts'
import { defaultPgConfig } from '../helpers/private-installation.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'
import { because, noSource, postgresSource } from './helpers/postgres-source.ts'

const files = ['dist/test/pgext/*.js', 'dist/test/e2e/create-extension.js']
const module = /\/pginstall(_test)?\.so<\/obj>/

const server = join(defaultPgConfig, '../postgres')
const tried = spawnSync('valgrind', ['--quiet', server, '--version'])
const obstacle =
  noSource ?? (tried.status === 0 ? undefined : 'valgrind finds no symbols in the loader of this server’s release')
const suite = obstacle === undefined ? test : test.skip

suite(`the hook’s own tests under valgrind${because(obstacle)}`, async (t) => {
  const directory = makeTemporaryDirectory('valgrind')
  t.teardown(() => directory.remove())
  // The servers' user writes there.
  chmodSync(directory.path, 0o777)
  const suppressions = join(postgresSource, 'src/tools/valgrind.supp')
  const wrapper = `valgrind --quiet --xml=yes --xml-file=${directory.path}/%p.xml --num-callers=40 --suppressions=${suppressions}`
  const ava = spawn(packagePath('node_modules/.bin/ava'), ['--timeout=30m', ...files], {
    cwd: packagePath('.'),
    env: { ...process.env, PGINSTALL_TEST_SERVER_WRAPPER: wrapper },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  ava.stdout.on('data', (chunk) => (said += chunk))
  const [status] = await once(ava, 'close')
  t.is(status, 0, said)
  const reports = readdirSync(directory.path).map((file) => readFileSync(join(directory.path, file), 'utf8'))
  const errors = reports.flatMap((report) => report.match(/<error>[\s\S]*?<\/error>/g) ?? [])
  t.true(errors.length > 0, 'PostgreSQL itself has some: without any, nothing was looked at')
  t.deepEqual(
    errors.filter((error) => module.test(error)),
    [],
  )
  t.log(`${reports.length} processes; ${errors.length} errors, all of them in PostgreSQL itself`)
})
