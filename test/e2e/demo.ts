import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { packagePath } from '../../src/adapters/package-root.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const directory = makeTemporaryDirectory('demos')
test.after.always(() => directory.remove())

const program = packagePath('dist/scripts/demo.js')

function makeSource(name: string, makefile: string): string {
  const source = directory.make(name)
  writeFileSync(join(source, 'Makefile'), makefile)
  writeFileSync(join(source, `${name}.control`), "default_version = '1'\n")
  return source
}

/** Everything a demo makes goes below `temporary`; it has a process group of its own, as a terminal's job has. */
function startDemo(name: string, source: string): { child: ChildProcess; temporary: string } {
  const temporary = directory.make(name)
  const child = spawn(process.execPath, [program, source], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: 'ignore',
    detached: true,
  })
  return { child, temporary }
}

/** Processes that have the path in their command line. */
function processesOf(path: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(path)
      } catch {
        return false
      }
    })
}

async function untilThere(t: ExecutionContext, temporary: string, file: string): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!readdirSync(temporary).some((demo) => existsSync(join(temporary, demo, file)))) {
    if (Date.now() > deadline) return t.fail(`no ${file} after a minute`)
    await delay(10)
  }
}

// What is there when the signal comes: PostgreSQL's first word, the repository server's settings, a build.
for (const [signal, status, file] of [
  ['SIGINT', 130, 'cluster/data/postmaster.pid'],
  ['SIGTERM', 143, 'etc/repositories/stage.conf'],
  ['SIGINT', 130, 'building'],
] as const) {
  test.serial(`a demo that ${signal} ends leaves nothing, once ${file} is there`, async (t) => {
    const name = `d${status}${file.length}`
    const source = directory.make(`${name}-source`)
    writeFileSync(join(source, 'Makefile'), 'all:\n\tsleep 60\n')
    const { child, temporary } = startDemo(name, source)
    const ended = once(child, 'exit')
    await untilThere(t, temporary, file === 'building' ? 'archives' : file)
    process.kill(-(child.pid as number), signal)
    t.deepEqual(await ended, [status, null])
    t.deepEqual(
      readdirSync(temporary).filter((entry) => entry.startsWith('pginstall-demo-')),
      [],
    )
    t.deepEqual(processesOf(temporary), [])
  })
}

test.serial('a demo that fails shows no stack trace, and keeps the log that it names', (t) => {
  const source = makeSource('broken', 'all:\n\tfalse\n')
  const temporary = join(directory.path, 'failed')
  mkdirSync(temporary, { mode: 0o755 })
  const { status, stderr } = spawnSync(process.execPath, [program, source], {
    env: { ...process.env, TMPDIR: temporary },
    encoding: 'utf8',
  })
  t.is(status, 1)
  t.notRegex(stderr, /^ +at /m)
  t.regex(stderr, /^pginstall: error: could not build the source/m)
  const [, log = ''] = /log (?:is )?in "?([^"\s]+)/.exec(stderr) ?? []
  t.regex(readFileSync(log, 'utf8'), /false/)
  rmSync(log)
  t.deepEqual(
    readdirSync(temporary).filter((entry) => entry.startsWith('pginstall-demo-')),
    [],
  )
})

test('an unknown option of the demo is wrong usage', (t) => {
  const { status, stderr } = spawnSync(process.execPath, [program, '--bogus'], { encoding: 'utf8' })
  t.is(status, 2)
  t.regex(stderr, /^error: unknown option '--bogus'$/m)
})
