import test from 'ava'
import { PginstallError } from '../../src/model/errors.ts'
import { parseExtensionName } from '../../src/model/names.ts'
import { checkBeforeNetwork, judge, narrowByPreference, type Policy } from '../../src/model/policy.ts'

const open: Policy = { allow: ['**'], deny: [], grants: [] }
const superuser = { superuser: true, roles: [] }
const plain = { superuser: false, roles: ['app', 'team'] }

test('nobody but a superuser may install what nothing grants', (t) => {
  t.deepEqual(judge('github.com/dim/prefix', superuser, open), { allowed: true, trusted: false })
  t.false(judge('github.com/dim/prefix', plain, open).allowed)
})

test('deny overrules allow, for superusers too', (t) => {
  const policy = { ...open, deny: ['github.com/fdr/**'] }
  t.false(judge('github.com/fdr/prefix', superuser, policy).allowed)
  t.true(judge('github.com/dim/prefix', superuser, policy).allowed)
  t.false(judge('github.com/dim/prefix', superuser, { ...open, allow: ['git.example/**'] }).allowed)
})

test('a grant holds for exactly its role and its names', (t) => {
  const policy = { ...open, grants: [{ role: 'team', extensions: ['github.com/dim/*'], trusted: true }] }
  t.deepEqual(judge('github.com/dim/prefix', plain, policy), { allowed: true, trusted: true })
  t.false(judge('github.com/dim/deep/prefix', plain, policy).allowed)
  t.false(judge('github.com/dim/prefix', { superuser: false, roles: ['teams'] }, policy).allowed)
})

test('a short name that no grant could mean is refused before anybody is asked', (t) => {
  const policy = { ...open, grants: [{ role: 'team', extensions: ['github.com/dim/prefix'], trusted: false }] }
  t.notThrows(() => checkBeforeNetwork(parseExtensionName('prefix'), plain, policy))
  const error = t.throws(() => checkBeforeNetwork(parseExtensionName('postgis'), plain, policy), {
    instanceOf: PginstallError,
  })
  t.is(error?.sqlstate, '42501')
})

test('preference narrows and never adds', (t) => {
  const candidates = ['github.com/dim/prefix', 'github.com/fdr/prefix']
  t.deepEqual(narrowByPreference(candidates, ['x.example/**', 'github.com/fdr/*', '**']), ['github.com/fdr/prefix'])
  t.deepEqual(narrowByPreference(candidates, ['x.example/**']), candidates)
  t.deepEqual(narrowByPreference([], ['**']), [])
})
