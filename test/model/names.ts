import { readFileSync } from 'node:fs'
import test from 'ava'
import { packagePath } from '../../src/adapters/package-root.ts'
import { PginstallError } from '../../src/model/errors.ts'
import {
  checkModuleName,
  checkPattern,
  checkSearchPattern,
  checkVersion,
  flattenFullName,
  matchesPattern,
  parseExtensionName,
  parseFullName,
  parseLibraryName,
  uniqueModuleName,
} from '../../src/model/names.ts'

type Specimen = {
  kind: 'full_name' | 'short_name' | 'version' | 'module' | 'library'
  text: string
  valid: boolean
  short?: string
}

const corpus: Specimen[] = JSON.parse(readFileSync(packagePath('protocol/corpus/names.json'), 'utf8'))

const parsers: Record<Specimen['kind'], (text: string) => string> = {
  full_name: (text) => parseFullName(text).short,
  short_name: (text) => {
    const name = parseExtensionName(text)
    if (name.kind !== 'short') throw new PginstallError('invalid_name', 'is a full name')
    return name.short
  },
  version: checkVersion,
  module: checkModuleName,
  library: (text) => {
    const { module, fullName } = parseLibraryName(text)
    return uniqueModuleName(module, fullName)
  },
}

for (const { kind, text, valid, short } of corpus) {
  test(`corpus: ${kind} ${JSON.stringify(text)} is ${valid ? 'good' : 'bad'}`, (t) => {
    if (valid) t.is(parsers[kind](text), short ?? text)
    else t.throws(() => parsers[kind](text), { instanceOf: PginstallError })
  })
}

test('the corpus has good and bad ones of every kind', (t) => {
  for (const kind of Object.keys(parsers)) {
    for (const valid of [true, false])
      t.true(corpus.some((specimen) => specimen.kind === kind && specimen.valid === valid))
  }
})

test('an extension name is a full name when it has a slash', (t) => {
  t.deepEqual(parseExtensionName('a.b/x'), { kind: 'full', full: 'a.b/x', short: 'x' })
  t.deepEqual(parseExtensionName('x'), { kind: 'short', short: 'x' })
})

test('whoever writes a scheme is told to leave it out', (t) => {
  const error = t.throws(() => parseFullName('https://a.b/x'), { instanceOf: PginstallError })
  t.is(error?.detail, 'The name begins with a scheme: leave out "https://".')
})

test('module names are unique by provider, and bounded', (t) => {
  t.is(flattenFullName('a.b/c/x'), 'a.b+c+x')
  t.is(uniqueModuleName('m', 'a.b/c/x'), 'm--a.b+c+x')
  t.throws(() => uniqueModuleName('m'.repeat(192), 'a.b/c/x'), { message: /more than 200 bytes/ })
})

test('patterns are of whole segments', (t) => {
  const matching: [string, string][] = [
    ['a.b/c/x', 'a.b/c/x'],
    ['a.b/c/x', 'a.b/*/x'],
    ['a.b/c/x', 'a.b/**'],
    ['a.b/c/x', '**'],
    ['a.b/c/x', '*/**'],
  ]
  const others: [string, string][] = [
    ['a.b/c/x', 'a.b/c'],
    ['a.b/c/x', 'a.b/c/x/**'],
    ['a.b/c/x', 'a.b/*'],
    ['a.b/cc/x', 'a.b/c/*'],
    ['a.bb/c/x', 'a.b/**'],
  ]
  for (const [name, pattern] of matching) t.true(matchesPattern(name, pattern), pattern)
  for (const [name, pattern] of others) t.false(matchesPattern(name, pattern), pattern)
  for (const pattern of ['', 'a//b', 'a/**/b', 'a*/b', 'a b', 'rubbish', 'a/b', 'github/**'])
    t.throws(() => checkPattern(pattern), { instanceOf: PginstallError })
  t.is(checkPattern('a.b/*/**'), 'a.b/*/**')
  t.is(checkSearchPattern('prefix'), 'prefix')
  t.throws(() => checkSearchPattern('a/b'), { instanceOf: PginstallError })
})
