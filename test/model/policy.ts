import test from 'ava'
import { PginstallError } from '../../src/model/errors.ts'
import { parseExtensionName } from '../../src/model/names.ts'
import {
  checkBeforeNetwork,
  checkPins,
  type Grant,
  judge,
  narrowByPreference,
  type Policy,
  parsePin,
  pinned,
  type Rule,
} from '../../src/model/policy.ts'

const rule = <T>(...list: T[]): Rule<T> => ({ list, place: 'line 7 of "x.conf"' })
const open: Policy = { allow: rule('**'), deny: rule(), pins: rule(), grants: rule() }
const superuser = { superuser: true, roles: [] }
const plain = { superuser: false, roles: ['app', 'team'] }
const granting = (...grants: Grant[]): Policy => ({ ...open, grants: rule(...grants) })

test('nobody but a superuser may install what nothing grants', (t) => {
  t.deepEqual(judge('github.com/dim/prefix', superuser, open), { allowed: true, trusted: false })
  t.false(judge('github.com/dim/prefix', plain, open).allowed)
})

test('deny overrules allow, for superusers too, and names its place', (t) => {
  const policy = { ...open, deny: rule('github.com/fdr/**') }
  t.deepEqual(judge('github.com/fdr/prefix', superuser, policy), {
    allowed: false,
    reason: 'Setting "deny", line 7 of "x.conf", has "github.com/fdr/**".',
  })
  t.true(judge('github.com/dim/prefix', superuser, policy).allowed)
  t.deepEqual(judge('github.com/dim/prefix', superuser, { ...open, allow: rule('git.example/**') }), {
    allowed: false,
    reason: 'Setting "allow", line 7 of "x.conf", is "git.example/**".',
  })
})

test('a grant holds for exactly its role and its names', (t) => {
  const policy = granting({ role: 'team', extensions: ['github.com/dim/*'], trusted: true })
  t.deepEqual(judge('github.com/dim/prefix', plain, policy), { allowed: true, trusted: true })
  t.false(judge('github.com/dim/deep/prefix', plain, policy).allowed)
  t.false(judge('github.com/dim/prefix', { superuser: false, roles: ['teams'] }, policy).allowed)
  t.false(judge('github.com/dim/prefix', plain, granting({ role: '*', extensions: ['**'], trusted: true })).allowed)
})

test('what is denied is told to whoever it is granted to, and to nobody else', (t) => {
  const policy = {
    ...granting({ role: 'team', extensions: ['github.com/**'], trusted: false }),
    deny: rule('*/secret/*'),
  }
  const reasonOf = (name: string, roles: string[]) => {
    const verdict = judge(name, { superuser: false, roles }, policy)
    return verdict.allowed ? undefined : verdict.reason
  }
  t.regex(reasonOf('github.com/secret/x', ['app', 'team']) ?? '', /"deny", line 7 of "x.conf", has "\*\/secret\/\*"/)
  t.is(reasonOf('github.com/secret/x', ['app']), 'No grant in line 7 of "x.conf" gives it to role "app".')
})

test('what no rule could let through is refused before anybody is asked', (t) => {
  const policy = granting({ role: 'team', extensions: ['github.com/dim/prefix'], trusted: false })
  t.notThrows(() => checkBeforeNetwork(parseExtensionName('prefix'), undefined, plain, policy))
  const refuses = (name: string, version: string | undefined, asker: typeof plain, by: Policy) =>
    t.is(
      t.throws(() => checkBeforeNetwork(parseExtensionName(name), version, asker, by), { instanceOf: PginstallError })
        ?.sqlstate,
      '42501',
    )
  refuses('postgis', undefined, plain, policy)
  refuses('postgis', undefined, superuser, { ...open, allow: rule('github.com/dim/prefix') })
  refuses('github.com/dim/prefix', '1.3', superuser, { ...open, pins: rule(parsePin('*/dim/*=1.2.*')) })
})

test('pins hold an extension at their versions, and no other', (t) => {
  const policy = { ...open, pins: rule(...['git.example/a/*=1.2.*', 'git.example/a/x=2.0'].map(parsePin)) }
  const versions = (name: string) =>
    pinned(
      name,
      ['1.2', '1.2.9', '1.20', '2.0', '2.0.1'].map((version) => ({ version })),
      policy,
    ).map(({ version }) => version)
  t.deepEqual(versions('git.example/a/x'), ['1.2.9', '2.0'])
  t.deepEqual(versions('git.example/a/y'), ['1.2.9'])
  t.is(versions('git.example/b/x').length, 5)
  t.throws(() => checkPins('git.example/a/x', '2.0.1', policy), {
    message: 'permission denied to install version "2.0.1" of extension "git.example/a/x"',
  })
  for (const broken of ['git.example/a/x', 'git.example//x=1', '=1', 'a=', 'a=*', 'a=1=2', 'a=1.*.2', 'a=--*']) {
    t.throws(() => parsePin(broken), { instanceOf: PginstallError }, broken)
  }
})

test('preference narrows and never adds', (t) => {
  const candidates = ['github.com/dim/prefix', 'github.com/fdr/prefix']
  t.deepEqual(narrowByPreference(candidates, ['x.example/**', 'github.com/fdr/*', '**']), ['github.com/fdr/prefix'])
  t.deepEqual(narrowByPreference(candidates, ['x.example/**']), candidates)
  t.deepEqual(narrowByPreference([], ['**']), [])
})
