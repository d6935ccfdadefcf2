import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { runPginstall } from '../helpers/command.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

test('one set-up at a time: the lock ends with whoever holds it, and what is left of it is in nobody’s way', async (t) => {
  const directory = makeTemporaryDirectory('setup-lock')
  t.teardown(() => directory.remove())
  const etc = join(directory.path, 'etc')
  const lock = `${etc}.lock`
  const uninstall = (...args: string[]) => runPginstall(etc, ['setup', '--uninstall', ...args])
  t.is(uninstall().status, 0)
  t.false(existsSync(lock))

  const holder = spawn('flock', ['--no-fork', lock, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(holder.stdout, 'data')
  const refused = uninstall()
  t.is(refused.status, 1)
  t.regex(refused.stderr, /another set-up of this machine is running\nDETAIL: .*etc\.lock[\s\S]*SQLSTATE: 55006/)
  t.is(uninstall('--dry-run').status, 0, 'which only reads')

  const ended = once(holder, 'exit')
  holder.kill('SIGKILL')
  await ended
  t.true(existsSync(lock))
  t.is(uninstall().status, 0)
  t.false(existsSync(lock))
})
