import test from 'ava'
import { type ArchiveIdentity, formatIdentity, parseIdentity } from '../../src/model/archive-identity.ts'
import { PginstallError } from '../../src/model/errors.ts'

const target = { major: 15, platform: 'debian12-x86_64' }
const identities: [string, ArchiveIdentity][] = [
  [
    'github.com+dim+prefix--1.2.10--pg15--debian12-x86_64--1.tar.gz',
    { fullName: 'github.com/dim/prefix', version: '1.2.10', target, build: 1 },
  ],
  ['a.b+x--1--any--12.tar.gz', { fullName: 'a.b/x', version: '1', target: null, build: 12 }],
  [
    'xn--bcher-kva.example+a+x--1.0--any--1.tar.gz',
    { fullName: 'xn--bcher-kva.example/a/x', version: '1.0', target: null, build: 1 },
  ],
  ['a.b+x--1.0~beta+git1--any--1.tar.gz', { fullName: 'a.b/x', version: '1.0~beta+git1', target: null, build: 1 }],
  [
    'a.b+x--2024-01-01--pg15--debian12-x86_64--1.tar.gz',
    { fullName: 'a.b/x', version: '2024-01-01', target, build: 1 },
  ],
  ['a.b+uuid-ossp--1--any--1.tar.gz', { fullName: 'a.b/uuid-ossp', version: '1', target: null, build: 1 }],
  ['a.b+x--any--any--1.tar.gz', { fullName: 'a.b/x', version: 'any', target: null, build: 1 }],
]

for (const [file, identity] of identities) {
  test(`${file} is written and read`, (t) => {
    t.is(formatIdentity(identity), file)
    t.deepEqual(parseIdentity(file), identity)
  })
}

for (const file of [
  '',
  'a.b+x--1--any--1.tar',
  'a.b+x--1--any--0.tar.gz',
  'a.b+x--1--any--01.tar.gz',
  'a.b+x--1--pg15--1.tar.gz',
  'a.b+x--1--pg15--Debian12-x86_64--1.tar.gz',
  'x--1--any--1.tar.gz',
  'a.b+x--1/2--any--1.tar.gz',
  '../a.b+x--1--any--1.tar.gz',
  'a.b+x----any--1.tar.gz',
]) {
  test(`${JSON.stringify(file)} names no archive`, (t) => {
    t.throws(() => parseIdentity(file), { instanceOf: PginstallError })
  })
}
