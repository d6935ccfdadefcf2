// The units as systemd reads them. Without systemd-analyze these tests say that they were skipped.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import test from 'ava'
import { packagePath } from '../../src/adapters/package-root.ts'
import { renderUnits } from '../../src/cluster/service-unit.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const packaged = ['pginstall-sidecar.service', 'pginstall-sidecar@.service', 'pginstall-server.service']
const maxExposure = 3
const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0
const testWithSystemd = hasSystemd ? test : test.skip

function analyze(...args: string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' })
  return { status, said: stdout + stderr }
}

for (const file of packaged) {
  testWithSystemd(`systemd finds no fault with ${file}, and little exposed`, (t) => {
    const path = packagePath(join('packaging/systemd', file))
    t.deepEqual(analyze('verify', path), { status: 0, said: '' })
    const { said } = analyze('security', '--offline=true', path)
    const exposure = Number(/exposure level for .*: ([0-9.]+)/.exec(said)?.[1])
    t.true(exposure < maxExposure, said)
  })
}

const unusual = {
  program: ['/opt/a b/node', '/opt/100%/main.js', '/opt/$HOME'],
  user: 'pg-install',
  directory: '/srv/pginstall',
  socketDirectory: '/srv/run',
  configDirectory: '/srv/e t c',
}

testWithSystemd('units for unusual places are read as they are meant', (t) => {
  const directory = makeTemporaryDirectory('units')
  t.teardown(() => directory.remove())
  const units = renderUnits({ ...unusual, unitDirectory: directory.path })
  for (const { path, text } of units) writeFileSync(path, text)
  const template = units.find(({ path }) => path.includes('@'))
  // It complains of the program, which is not there, and of nothing else: so it has read the name as it is.
  const { said } = analyze('verify', join(directory.path, basename(template?.path ?? '')))
  t.deepEqual(said.trim().split('\n').length, 1, said)
  t.regex(said, /Command \/opt\/a b\/node is not executable/)
})

test('a unit has what differs on the machine, and the rest as it was packaged', (t) => {
  const [umbrella, template] = renderUnits({ ...unusual, unitDirectory: '/units' })
  t.is(umbrella?.text, readFileSync(packagePath('packaging/systemd/pginstall-sidecar.service'), 'utf8'))
  t.is(template?.path, '/units/pginstall-sidecar@.service')
  const lines = template?.text.split('\n') ?? []
  for (const line of [
    'ExecStart="/opt/a b/node" /opt/100%%/main.js "/opt/$$HOME" sidecar --target %i',
    'User=pg-install',
    'Environment="PGINSTALL_CONFIG_DIR=/srv/e t c"',
    'ReadWritePaths="/srv/pginstall" "-/srv/run"',
    'WatchdogSec=60s',
  ]) {
    t.true(lines.includes(line), line)
  }
})
