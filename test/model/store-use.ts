import test from 'ava'
import { type StoredArchiveFacts, type TargetUse, useOf } from '../../src/model/store-use.ts'

const digest = (character: string) => character.repeat(64)

function archive(more: Partial<StoredArchiveFacts> = {}): StoredArchiveFacts {
  const { fullName = 'git.example/a/x', version = '1.0', major = 15 } = more
  const facts = { fullName, version, major, digest: digest('1'), modules: ['7'], claimed: 1_000_000, ...more }
  return { path: `/s/${major}/${fullName.replaceAll('/', '+')}/${version}/${facts.digest}`, ...facts }
}

function target(more: Partial<TargetUse> = {}): TargetUse {
  return { target: 'main', major: 15, databases: [], libraries: [], linkedFiles: [], links: [], ...more }
}

const records = (version: string, of: string) => ({
  databases: [
    { name: 'shop', extensions: [{ full_name: 'git.example/a/x', version, digest: digest(of) }], modules: [] },
  ],
})

/** Databases and reasons, with nothing mapped. */
function use(wanted: StoredArchiveFacts, store: StoredArchiveFacts[], ...targets: TargetUse[]): [string[], string[]] {
  const { databases, reasons } = useOf(wanted, store, targets, new Set())
  return [databases.map(({ database }) => database), reasons]
}

test('the archive that is recorded is used, and no other of its version', (t) => {
  const [first, second] = [archive(), archive({ digest: digest('2') })]
  const store = [first, second]
  t.deepEqual(use(first, store, target(records('1.0', '1'))), [['shop'], []])
  t.deepEqual(use(second, store, target(records('1.0', '1'))), [[], []])
})

test('where it is recorded with the bytes of another machine, the version counts', (t) => {
  const [mine, other] = [archive({ digest: digest('2') }), archive({ version: '1.1', digest: digest('3') })]
  t.deepEqual(use(mine, [mine, other], target(records('1.0', '1'))), [['shop'], []])
  t.deepEqual(use(other, [mine, other], target(records('1.0', '1'))), [[], []])
  // The one of another major is no reason against it.
  const old = archive({ major: 13 })
  t.deepEqual(use(mine, [mine, old], target(records('1.0', '1'))), [['shop'], []])
})

test('a module that is linked is used by every version of its extension, and by functions without a record', (t) => {
  const newest = archive({ version: '2.0', digest: digest('2') })
  const links = [{ name: 'x--git.example+a+x', file: `${newest.path}/x/x.so` }]
  const store = [archive(), newest]
  t.deepEqual(use(newest, store, target({ ...records('1.0', '1'), links })), [['shop'], []])
  const modules = [{ name: 'shop', extensions: [], modules: ['x--git.example+a+x'] }]
  t.deepEqual(use(newest, store, target({ databases: modules, links })), [['shop'], []])
  t.deepEqual(use(newest, store, target({ databases: modules })), [[], []])
  t.is(use(newest, store, target({ links, libraries: ['x--git.example+a+x'] }))[1].length, 1)
})

test('whatever is not known keeps what the server could load, and nothing else', (t) => {
  const fault = 'its server is down'
  for (const [one, kept] of [
    [archive(), true],
    [archive({ major: null, modules: [] }), true],
    [archive({ major: 17 }), false],
  ] as const) {
    t.is(use(one, [one], target({ fault }))[1].length, kept ? 1 : 0)
    t.is(use(one, [one], target({ major: undefined, fault }))[1].length, 1)
  }
})

test('what was relied on since a transaction began may be its', (t) => {
  const one = archive({ claimed: 5_000_000 })
  t.is(use(one, [one], target({ openSince: 4_900_000 }))[1].length, 1)
  t.is(use(one, [one], target({ openSince: 5_010_000 }))[1].length, 1, 'a clock may be set back by a little')
  t.is(use(one, [one], target({ openSince: 5_100_000 }))[1].length, 0)
})

test('what is mapped, or may be, stays; what has no module cannot be', (t) => {
  const one = archive()
  const scripts = archive({ modules: [], major: null })
  t.is(useOf(one, [one], [], new Set(['7'])).reasons.length, 1)
  t.is(useOf(one, [one], [], undefined).reasons.length, 1)
  t.is(useOf(scripts, [scripts], [], undefined).reasons.length, 0)
})

test('what an installation links to stays', (t) => {
  const one = archive()
  t.is(use(one, [one], target({ linkedFiles: [`${one.path}/x/share/tsearch_data/x.rules`] }))[1].length, 1)
  t.is(use(one, [one], target({ linkedFiles: [`${one.path}0/x.rules`] }))[1].length, 0)
})
