import { lutimesSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { claim, claimedAt, takeAway } from '../../src/adapters/claims.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const longAgo = new Date('2001-01-01')

function directory(t: ExecutionContext) {
  const made = makeTemporaryDirectory('claims')
  t.teardown(() => made.remove())
  const path = join(made.path, 'thing')
  mkdirSync(path)
  writeFileSync(join(path, 'content'), '')
  lutimesSync(path, longAgo, longAgo)
  return { path, away: join(made.path, 'away'), list: () => readdirSync(made.path) }
}

test('what nobody has claimed is taken away, once', (t) => {
  const { path, away, list } = directory(t)
  t.true(takeAway(path, away, Date.now()))
  t.deepEqual(list(), ['away'])
  t.false(takeAway(path, `${away}2`, Date.now()))
  t.false(claim(path))
})

test('what was claimed stays, though it is claimed again', (t) => {
  const { path, away, list } = directory(t)
  const before = Date.now()
  t.true(claim(path))
  t.true((claimedAt(path) as number) >= before)
  t.false(takeAway(path, away, before))
  t.deepEqual(list(), ['thing'])
})

test('a link is claimed, not what it leads to', (t) => {
  const { path, away } = directory(t)
  const link = `${path}.so`
  symlinkSync(path, link)
  const before = Date.now()
  t.true(claim(link))
  t.is(claimedAt(path), longAgo.getTime())
  t.false(takeAway(link, away, before))
  t.true(takeAway(path, away, before))
  t.true(claim(link), 'also when that is gone')
})

test('renaming a thing is no claim to it', (t) => {
  const { path, away } = directory(t)
  renameSync(path, away)
  t.is(claimedAt(away), longAgo.getTime())
})
