import test from 'ava'
import { parseExtensionSpec, quoteIdentifier, quoteVersion } from '../../src/model/extension-spec.ts'

test('a name, or a name and a version', (t) => {
  t.like(parseExtensionSpec('prefix'), { text: 'prefix', name: { kind: 'short', short: 'prefix' }, version: undefined })
  t.like(parseExtensionSpec('github.com/dim/prefix=1.2.10'), {
    text: 'github.com/dim/prefix',
    name: { kind: 'full', short: 'prefix' },
    version: '1.2.10',
  })
})

for (const text of ['', '=1', 'prefix=', 'prefix=1--2', 'prefix=1=2', "prefix=1'", 'github.com/dim/', 'a/b']) {
  test(`"${text}" is no extension`, (t) => {
    t.throws(() => parseExtensionSpec(text))
  })
}

test('what goes into a statement is quoted', (t) => {
  t.is(quoteIdentifier('a"b'), '"a""b"')
  t.is(quoteVersion('1.2'), "'1.2'")
  t.throws(() => quoteVersion("1'"))
})
