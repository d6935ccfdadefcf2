// Both builds of the addon: cmake-js makes the one that all other tests use, this one is node-gyp's.
import { execFileSync } from 'node:child_process'
import { cpSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { packagePath } from '../../src/adapters/package-root.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

test('binding.gyp builds an addon that works', (t) => {
  t.timeout(240_000)
  const directory = makeTemporaryDirectory('gyp')
  t.teardown(() => directory.remove())
  for (const part of ['native', 'binding.gyp', 'package.json', 'dist/native']) {
    cpSync(packagePath(part), join(directory.path, part), { recursive: true })
  }
  symlinkSync(packagePath('node_modules'), join(directory.path, 'node_modules'))
  const run = (program: string, ...args: string[]) =>
    execFileSync(program, args, { cwd: directory.path, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  run(process.execPath, packagePath('node_modules/node-gyp/bin/node-gyp.js'), 'rebuild')
  const script = `import('./dist/native/index.js').then(({ curlVersion }) => console.log(curlVersion()))`
  t.regex(run(process.execPath, '-e', script), /^libcurl\/[78]\./)
})
