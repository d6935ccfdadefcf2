import test from 'ava'
import type { IndexedArchive, Release } from '../../src/model/index.ts'
import type { Machine, RunningServer } from '../../src/model/platform.ts'
import { summarizeReleases } from '../../src/model/release-summary.ts'

const server: RunningServer = {
  version_num: 150004,
  abi_extra: 'PostgreSQL',
  block_size: 8192,
  wal_block_size: 8192,
  assertions: false,
}
const machine: Machine = { architecture: 'x86_64', cpuLevel: 2, libc: 'glibc', missingOf: ({ soname }) => [soname] }

function archive(more: Partial<IndexedArchive>): IndexedArchive {
  const plain = { file: 'x', build: 1, size: 7, sha256: '', postgresql: null, os: null, needs: null, requires: [] }
  return { ...plain, ...more }
}

function release(version: string, archives: IndexedArchive[], yanked = false): Release {
  return { version, yanked, archives }
}

test('each release says what its archives need, and why they do not run here', (t) => {
  const library = { soname: 'libproj.so.25', versions: [], package: 'libproj25' }
  const needs = { architecture: 'x86_64', cpu_level: 1, libc: 'glibc' as const, libraries: [library] }
  const releases = [
    release('1.9', [archive({ requires: [{ name: 'hstore', provider: 'builtin' }] })]),
    release('1.10', [archive({ postgresql: { ...server, version_num: 170002 }, needs })], true),
  ]
  const { releases: all, more } = summarizeReleases(releases, releases.slice(0, 1), { server, machine }, 10_000)
  t.is(more, 0)
  const [newest, older] = all
  t.like(newest, { version: '1.10', yanked: true, permitted: false, installable: false })
  t.like(newest?.archives[0], { postgresql: '17.2', architecture: 'x86_64', libraries: ['libproj.so.25'], size: 7 })
  t.deepEqual(newest?.archives[0]?.unmet, [
    'It is for PostgreSQL 17, this server is 15.',
    'This machine lacks libproj.so.25 (package libproj25 where it was built).',
  ])
  t.like(older, { version: '1.9', yanked: false, permitted: true, installable: true })
  t.like(older?.archives[0], { postgresql: null, architecture: null, requires: ['hstore'], unmet: [] })
})

test('older ones without room are counted', (t) => {
  const releases = Array.from({ length: 50 }, (_, n) => release(`1.${n}`, [archive({})]))
  const { releases: shown, more } = summarizeReleases(releases, releases, { server, machine }, 3000)
  t.is(shown[0]?.version, '1.49')
  t.true(shown.length > 5 && shown.length < 50)
  t.is(shown.length + more, 50)
})
