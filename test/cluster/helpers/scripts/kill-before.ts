// Loaded before the command: ends it by SIGKILL right before its change number KILL_BEFORE, from 1: a rename, a removal,
// or a statement that changes the cluster. Between two of these nothing happens that others could see.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import pg from 'pg'

let left = Number(process.env.KILL_BEFORE)

function countDown(): void {
  if (--left === 0) process.kill(process.pid, 'SIGKILL')
}

function hook(owner: object, name: string, counts: (argument: unknown) => boolean): void {
  const original: (...args: unknown[]) => unknown = Reflect.get(owner, name)
  Reflect.set(owner, name, function (this: unknown, ...args: unknown[]) {
    if (counts(args[0])) countDown()
    return original.apply(this, args)
  })
}

const ours = (path: unknown) => !String(path).includes('/pginstall-try-')
hook(fs, 'renameSync', ours)
for (const name of ['rename', 'unlink', 'rm', 'rmdir']) hook(fs.promises, name, ours)
hook(pg.Client.prototype, 'query', (text) => /^(ALTER SYSTEM|SELECT pg_catalog\.pg_reload_conf)/.test(String(text)))
syncBuiltinESMExports()
