import test from 'ava'
import { PginstallError } from '../../src/model/errors.ts'
import type { PublishedArchive, PublishedRelease } from '../../src/repository/archives.ts'
import { selectArchive, type Wanted } from '../../src/repository/select-archive.ts'
import { makeArchive } from '../server/helpers/archives.ts'

function archive(build: number, target?: [major: number, platform: string]): PublishedArchive {
  const { file, manifest } = makeArchive({ fullName: 'x.example/y/some', build })
  return {
    ...{ extension_id: 1, version: '1.0', yanked: false, file, build, sha256: '0'.repeat(64), size: 1, manifest },
    ...{ major: target?.[0] ?? null, platform: target?.[1] ?? null, uploaded_at: new Date(0) },
  }
}

const debian: [number, string] = [15, 'debian12-x86_64']
const arm: [number, string] = [15, 'debian12-aarch64']
const later: [number, string] = [16, 'debian12-x86_64']

function select(archives: PublishedArchive[], wanted: Wanted): number | undefined {
  const releases: PublishedRelease[] = [{ version: '1.0', yanked: false, archives }]
  try {
    return selectArchive('x.example/y/some', releases, '1.0', wanted).build
  } catch (cause) {
    if (cause instanceof PginstallError && cause.is('no_suitable_archive')) return undefined
    throw cause
  }
}

test('takes the newest build, by number', (t) => {
  t.is(select([archive(9, debian), archive(10, debian), archive(2, debian)], {}), 10)
})

test('what is not said may be anything, as long as one target is left', (t) => {
  const archives = [archive(1, debian), archive(2, arm), archive(3, later)]
  t.is(select(archives, {}), undefined)
  t.is(select(archives, { major: 15 }), undefined)
  t.is(select(archives, { major: 16 }), 3)
  t.is(select(archives, { platform: 'debian12-aarch64' }), 2)
  t.is(select(archives, { major: 15, platform: 'debian12-x86_64' }), 1)
  t.is(select(archives, { major: 17, platform: 'debian12-x86_64' }), undefined)
})

test('an SQL-only archive fits everything, and is one target', (t) => {
  t.is(select([archive(1)], { major: 17, platform: 'other-x86_64' }), 1)
  t.is(select([archive(1), archive(2, debian)], { major: 16 }), 1)
  t.is(select([archive(1), archive(2, debian)], {}), undefined)
})

test('a version that is not there is no question of targets', (t) => {
  const error = t.throws(() => selectArchive('x.example/y/some', [], '1.0', {}), { instanceOf: PginstallError })
  t.true(error.is('undefined_extension'))
})
