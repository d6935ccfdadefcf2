// pginstall server setup where no systemd reads the units: what it makes, and what it leaves when it is taken back.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { findUser } from '../../src/adapters/privileges.ts'
import { runPginstall, writeSettings } from '../helpers/command.ts'
import { repositoryUser } from '../helpers/os-users.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

test('makes directories and unit, is done when repeated, and never takes away what was published', (t) => {
  const directory = makeTemporaryDirectory('server-setup')
  t.teardown(() => directory.remove())
  const etc = directory.make('etc')
  const units = directory.make('units')
  const [data, archives] = [join(directory.path, 'data'), join(directory.path, 'archives 100%')]
  writeSettings(etc, 'pginstall', {
    repository_user: repositoryUser,
    server_directory: data,
    archive_path: archives,
  })
  const setup = (...args: string[]) => {
    const { status, stdout, stderr } = runPginstall(etc, ['server', 'setup', '--unit-directory', units, ...args])
    t.is(status, 0, stderr)
    return { stdout, steps: stderr.replaceAll('pginstall server setup: ', '').split('\n') }
  }
  const unit = join(units, 'pginstall-server.service')
  const steps = [`create directory ${data}`, `create directory ${archives}`, `install ${unit}`]

  t.is(setup('--dry-run').stdout, steps.join('\n') + '\n')
  t.deepEqual([readdirSync(units), existsSync(data)], [[], false])
  t.deepEqual(setup().steps, [...steps, 'start it with: pginstall server start', ''])
  for (const path of [data, archives]) t.is(statSync(path).uid, findUser(repositoryUser).uid)
  const lines = readFileSync(unit, 'utf8').split('\n')
  for (const line of [
    `User=${repositoryUser}`,
    `Environment="PGINSTALL_CONFIG_DIR=${etc}"`,
    `ReadWritePaths="${data}" "${archives.replace('%', '%%')}"`,
  ]) {
    t.true(lines.includes(line), line)
  }
  t.deepEqual(setup().steps, ['everything is as it should be', 'start it with: pginstall server start', ''])

  t.deepEqual(setup('--uninstall').steps.slice(0, 2), [
    `remove ${unit}`,
    `${data} stays: what was published cannot be made again; remove it by hand`,
  ])
  t.deepEqual([readdirSync(units), existsSync(data)], [[], true])
})
