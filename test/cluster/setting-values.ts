import test from 'ava'
import {
  changesForSetup,
  changesForUninstall,
  joinLibraries,
  splitLibraries,
  type Wanted,
} from '../../src/cluster/setting-values.ts'

const wanted: Wanted = {
  libraryDirectory: '/var/lib/pginstall/main/lib',
  socket: '/run/pginstall/main.sock',
  directory: '/var/lib/pginstall',
  sidecarUser: 'pginstall',
  shared: false,
}

for (const [value, libraries] of [
  ['', []],
  ['a', ['a']],
  ['a, b', ['a', 'b']],
  ['"$libdir/plugins/a b", c', ['$libdir/plugins/a b', 'c']],
  ['"a""b","c,d"', ['a"b', 'c,d']],
  // What ALTER SYSTEM makes of an empty list.
  ['""', []],
] as const) {
  test(`a list of libraries is read and written back: ${value}`, (t) => {
    t.deepEqual(splitLibraries(value), libraries)
    t.deepEqual(splitLibraries(joinLibraries([...libraries])), libraries)
  })
}

test('the library that sessions load is the last change of set-up and the first of the way back', (t) => {
  const changes = changesForSetup({}, wanted)
  t.is(changes.at(-1)?.name, 'session_preload_libraries')
  t.deepEqual(changes[0], { name: 'dynamic_library_path', value: '$libdir:/var/lib/pginstall/main/lib' })
  const set = { session_preload_libraries: { value: 'pginstall' }, 'pginstall.socket': { value: '/x' } }
  t.deepEqual(changesForUninstall(set, wanted.libraryDirectory), [
    { name: 'session_preload_libraries', value: undefined },
    { name: 'pginstall.socket', value: undefined },
  ])
})

test('every setting of ours is written, and the wait and the preference that a file has stay', (t) => {
  const ours = (files: Parameters<typeof changesForSetup>[0]) =>
    changesForSetup(files, wanted)
      .filter(({ name }) => name.startsWith('pginstall.'))
      .map(({ name }) => name)
  const all = [
    'pginstall.socket',
    'pginstall.directory',
    'pginstall.sidecar_user',
    'pginstall.prefer',
    'pginstall.timeout',
    'pginstall.downgrade',
  ]
  t.deepEqual(ours({}), all as ReturnType<typeof ours>)
  const kept = { 'pginstall.timeout': { value: '1min' }, 'pginstall.prefer': { value: '' } }
  t.deepEqual(ours(kept), [...all.slice(0, 3), 'pginstall.downgrade'] as ReturnType<typeof ours>)
})

for (const spelling of ['pginstall', '$libdir/pginstall', '"/opt/lib/pginstall.so"', 'a, pginstall.so']) {
  test(`the library is known however it is written: ${spelling}`, (t) => {
    const files = { session_preload_libraries: { value: spelling } }
    t.false(changesForSetup(files, wanted).some(({ name }) => name === 'session_preload_libraries'))
    t.is(changesForUninstall(files, wanted.libraryDirectory)[0]?.name, 'session_preload_libraries')
  })
}

test('a library that only has a name like ours is left alone', (t) => {
  const files = { session_preload_libraries: { value: 'pginstall_other, xpginstall' } }
  t.deepEqual(changesForUninstall(files, wanted.libraryDirectory), [])
  t.deepEqual(changesForSetup(files, wanted).at(-1)?.value, ['pginstall_other', 'xpginstall', 'pginstall'])
})

test('the way back resets what files say anyhow, and keeps what only ALTER SYSTEM says', (t) => {
  const path = (value: string, below?: string) => {
    const files = { dynamic_library_path: { value, ...(below === undefined ? {} : { below }) } }
    return changesForUninstall(files, wanted.libraryDirectory)[0]?.value
  }
  const ours = wanted.libraryDirectory
  t.is(path(`$libdir:${ours}`), undefined)
  t.is(path(`/a:$libdir:${ours}/`, '/a:$libdir'), undefined)
  t.is(path(`/a:${ours}:/b`, '/a'), '/a:/b')
})
