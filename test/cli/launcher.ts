import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { packagePath, packageVersion } from '../../src/adapters/package-root.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const directory = makeTemporaryDirectory('launcher')
test.after.always(() => directory.remove())

const engines: string = JSON.parse(readFileSync(packagePath('package.json'), 'utf8')).engines.node

/** Runs what package.json has as `bin` with a Node.js that says it is of this version. */
function launch(version: string) {
  const preload = join(directory.path, `${version}.cjs`)
  const versions = `{ ...process.versions, node: '${version}' }`
  writeFileSync(
    preload,
    `Object.defineProperty(process, 'versions', { value: ${versions} })
Object.defineProperty(process, 'version', { value: 'v${version}' })`,
  )
  return spawnSync(process.execPath, ['--require', preload, packagePath('bin/pginstall.cjs'), '--version'], {
    encoding: 'utf8',
  })
}

function isRefused(t: ExecutionContext, version: string): void {
  const { status, stdout, stderr } = launch(version)
  t.is(status, 1)
  t.is(stdout, '')
  t.true(stderr.startsWith(`pginstall: error: pginstall needs Node.js ${engines}, this is v${version}\n`), stderr)
  t.regex(stderr, /^HINT: .*\.\nSQLSTATE: 0A000$/m)
  t.notRegex(stderr, /^ +at /m)
}

test('a Node.js that engines do not allow is told so, without a stack trace', (t) => {
  for (const version of ['10.24.0', '20.20.2', '22.22.1', '23.11.0', '24.14.9']) isRefused(t, version)
})

test('a Node.js that engines allow runs the command', (t) => {
  for (const version of ['22.22.2', '22.23.0', '24.15.0', '26.0.0']) {
    const { status, stdout, stderr } = launch(version)
    t.is(stderr, '')
    t.is(stdout.trim(), packageVersion())
    t.is(status, 0)
  }
})
