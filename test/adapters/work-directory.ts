import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import test from 'ava'
import { ownWorkDirectory, prepareWorkDirectory } from '../../src/adapters/work-directory.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

/** The parent of work directories, with one for each name in it; our own name taken apart. */
function makeParent(t: { teardown(end: () => void): void }) {
  const directory = makeTemporaryDirectory('work')
  t.teardown(() => directory.remove())
  const parent = join(directory.path, 'incoming')
  const own = basename(ownWorkDirectory(parent))
  const add = (name: string) => {
    mkdirSync(join(parent, name), { recursive: true })
    writeFileSync(join(parent, name, 'half'), '')
    return name
  }
  return { parent, own, parts: own.split('-'), add }
}

test('what living processes work on is left alone, our own included', (t) => {
  const { parent, own, parts, add } = makeParent(t)
  add(own)
  const init = ownWorkDirectoryOf(1, parts)
  add(init)
  prepareWorkDirectory(parent)
  t.deepEqual(readdirSync(parent).toSorted(), [own, init].toSorted())
  t.deepEqual(readdirSync(join(parent, own)), ['half'])
})

test('what is of another boot, of a dead process, of one with a dead one’s id, or of nobody is cleared away', (t) => {
  const { parent, own, parts, add } = makeParent(t)
  const [boot, namespace, pid, start] = parts
  const { pid: dead } = spawnSync('true')
  add(['0'.repeat(32), namespace, pid, start].join('-'))
  add([boot, namespace, dead, '1'].join('-'))
  add([boot, namespace, pid, `${start}0`].join('-'))
  add('7f8a6a3e-1f0c-4a52-9d4f-0a4f5f8b9a10')
  writeFileSync(join(parent, 'current.json.new'), '')
  prepareWorkDirectory(parent)
  t.deepEqual(readdirSync(parent), [own])
})

test('what another container works on is left alone for a day', (t) => {
  const { parent, own, parts, add } = makeParent(t)
  const [boot, , pid, start] = parts
  const fresh = add([boot, '1', pid, start].join('-'))
  const old = add([boot, '2', pid, start].join('-'))
  const before = Date.now() / 1000 - 25 * 3_600
  utimesSync(join(parent, old), before, before)
  prepareWorkDirectory(parent)
  t.deepEqual(readdirSync(parent).toSorted(), [own, fresh].toSorted())
})

/** As that process would name its own. */
function ownWorkDirectoryOf(pid: number, [boot, namespace]: string[]): string {
  const { stdout } = spawnSync('awk', ['{ print $22 }', `/proc/${pid}/stat`], { encoding: 'utf8' })
  return [boot, namespace, pid, stdout.trim()].join('-')
}
