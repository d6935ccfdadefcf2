import test from 'ava'
import {
  type ControlFile,
  isAuxiliaryControlOf,
  parseBoolean,
  parseControlFile,
  relocateAuxiliaryControlFile,
  relocateControlFile,
  splitIdentifiers,
} from '../../src/model/control-file.ts'
import { PginstallError } from '../../src/model/errors.ts'

const defaults: ControlFile = { relocatable: false, superuser: true, trusted: false, requires: [], noRelocate: [] }
const parse = (text: string, auxiliary = false) => parseControlFile(text, { file: 'x.control', auxiliary })

test('an empty control file has the defaults', (t) => {
  t.deepEqual(parse(''), defaults)
})

test('every parameter', (t) => {
  const text = `
directory = 'd'
default_version = '1.0'
module_pathname = '$libdir/x'
comment = 'a comment'
schema = 's'
encoding = 'LATIN1'
superuser = false
trusted = true
requires = 'a, "B c"'
no_relocate = 'a'
`
  t.deepEqual(parse(text), {
    directory: 'd',
    defaultVersion: '1.0',
    modulePathname: '$libdir/x',
    comment: 'a comment',
    schema: 's',
    encoding: 'LATIN1',
    relocatable: false,
    superuser: false,
    trusted: true,
    requires: ['a', 'B c'],
    noRelocate: ['a'],
  })
})

test('the last of several settings counts', (t) => {
  t.is(parse("comment = 'a'\ncomment = 'b'").comment, 'b')
})

const refuses = test.macro((t, text: string, message: RegExp, auxiliary: boolean) => {
  const error = t.throws(() => parse(text, auxiliary), { instanceOf: PginstallError, message })
  t.is(error?.sqlstate, 'F0000')
})

test('an unknown parameter', refuses, 'x = 1', /unrecognized parameter "x" \(line 1\)/, false)
test('names of parameters are case-sensitive', refuses, "Comment = 'x'", /unrecognized parameter "Comment"/, false)
test('a property that every object has', refuses, 'constructor = 1', /unrecognized parameter "constructor"/, false)
test('no Boolean', refuses, 'trusted = maybe', /parameter "trusted" requires a Boolean value/, false)
test('no encoding', refuses, "encoding = 'EBCDIC'", /valid encoding name/, false)
test('an encoding for clients only', refuses, "encoding = 'SJIS'", /valid encoding name/, false)
test('no list', refuses, "requires = 'a,,b'", /must be a list of extension names/, false)
test(
  'a schema for what is relocatable',
  refuses,
  "relocatable = true\nschema = 's'",
  /"schema" cannot be specified/,
  false,
)
test('directory in an auxiliary file', refuses, "directory = 'd'", /cannot be set in a secondary/, true)
test('default_version in an auxiliary file', refuses, "default_version = '1'", /cannot be set in a secondary/, true)

test('an auxiliary file amends the main one', (t) => {
  const main = parse("default_version = '1'\nrelocatable = true\ncomment = 'main'")
  const both = parseControlFile("comment = 'aux'", { file: 'x--1.control', auxiliary: true, main })
  t.deepEqual(both, { ...main, comment: 'aux' })
  t.is(main.comment, 'main')
  t.throws(() => parseControlFile("schema = 's'", { file: 'x--1.control', auxiliary: true, main }), {
    message: /"schema"/,
  })
})

test('Booleans, as PostgreSQL spells them', (t) => {
  for (const text of ['t', 'tr', 'TRUE', 'y', 'yes', 'on', 'ON', '1']) t.is(parseBoolean(text), true, text)
  for (const text of ['f', 'false', 'n', 'No', 'of', 'off', '0']) t.is(parseBoolean(text), false, text)
  for (const text of ['', 'o', 'truee', 'yess', '2', '01', 'onn', ' t']) t.is(parseBoolean(text), undefined, text)
})

test('lists of identifiers', (t) => {
  const lists: [string, string[] | undefined][] = [
    ['', []],
    [' \t', []],
    ['a', ['a']],
    [' A , b ', ['a', 'b']],
    ['a b', undefined],
    ['a,', undefined],
    [',a', undefined],
    ['"A""b",c', ['A"b', 'c']],
    ['""', ['']],
    ['"a', undefined],
    ['"a"b', undefined],
    ['a"b', ['a"b']],
    ['ÄB', ['Äb']],
    ['uuid-ossp', ['uuid-ossp']],
    ['x'.repeat(64), ['x'.repeat(63)]],
    [`"${'x'.repeat(62)}é"`, ['x'.repeat(62)]],
  ]
  for (const [text, expected] of lists) t.deepEqual(splitIdentifiers(text), expected, text)
})

test('relocating sets place and trust, and keeps the rest', (t) => {
  const text =
    "comment = 'it''s'\ndirectory = old\nmodule_pathname = '$libdir/x'\ntrusted = true\nrequires = 'a'\nrelocatable = on\n"
  const place = { directory: "/store/it's", modulePathname: 'x--a.b+x', trusted: false }
  t.deepEqual(parse(relocateControlFile(text, place)), {
    ...defaults,
    comment: "it's",
    directory: "/store/it's",
    modulePathname: 'x--a.b+x',
    requires: ['a'],
    relocatable: true,
  })
})

test('trust is written out, both ways, whatever was claimed', (t) => {
  for (const claim of ['', 'trusted = true', 'trusted = false']) {
    const place = { directory: '/d', modulePathname: null }
    t.regex(relocateControlFile(claim, { ...place, trusted: false }), /^trusted = 'false'$/m)
    t.regex(relocateControlFile(claim, { ...place, trusted: true }), /^trusted = 'true'$/m)
    t.is(relocateAuxiliaryControlFile(claim, { modulePathname: null, trusted: false }), "trusted = 'false'\n")
  }
})

test('no module_pathname where there is no module', (t) => {
  const text = relocateControlFile("module_pathname = '$libdir/x'", {
    directory: '/d',
    modulePathname: null,
    trusted: false,
  })
  t.is(parse(text).modulePathname, undefined)
})

test('default_version is set when another version is wanted', (t) => {
  const place = { directory: '/d', modulePathname: null, trusted: false }
  t.is(parse(relocateControlFile("default_version = '1'", place)).defaultVersion, '1')
  t.is(parse(relocateControlFile("default_version = '1'", { ...place, defaultVersion: '2' })).defaultVersion, '2')
})

test('an auxiliary file gets our module_pathname only in place of one', (t) => {
  const place = { modulePathname: 'x--a.b+x', trusted: false }
  t.is(parse(relocateAuxiliaryControlFile("module_pathname = '$libdir/x'", place), true).modulePathname, 'x--a.b+x')
  t.is(parse(relocateAuxiliaryControlFile('', place), true).modulePathname, undefined)
})

test('what cannot be parsed is not relocated', (t) => {
  const place = { directory: '/d', modulePathname: null, trusted: false }
  t.throws(() => relocateControlFile('nonsense', place), { instanceOf: PginstallError })
  t.throws(() => relocateAuxiliaryControlFile("directory = 'd'", place), { instanceOf: PginstallError })
})

test('names of auxiliary control files', (t) => {
  for (const file of ['x--1.0.control', 'x--1.control', 'x--a-b.control']) t.true(isAuxiliaryControlOf('x', file), file)
  for (const file of [
    'x.control',
    'y--1.control',
    'x--1--2.control',
    'x--.control',
    'x--1.sql',
    'x--1-.control',
    'x--../1.control',
  ]) {
    t.false(isAuxiliaryControlOf('x', file), file)
  }
})
