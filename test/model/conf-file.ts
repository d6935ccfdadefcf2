import test from 'ava'
import { formatConfValue, parseConfFile } from '../../src/model/conf-file.ts'
import { PginstallError } from '../../src/model/errors.ts'

const reads = test.macro((t, text: string, expected: Record<string, string>) => {
  const entries = parseConfFile(text, 'f')
  t.deepEqual(Object.fromEntries(entries.map(({ name, value }) => [name, value])), expected)
})

test('name and value with an equal sign, without, and without blanks', reads, 'a = 1\nb 2\nc=3\n', {
  a: '1',
  b: '2',
  c: '3',
})
test('blank lines, comments and carriage returns', reads, '\r\n# c = 4\n a\t=\t1 # x\r\n\n', { a: '1' })
test('a last line without its end', reads, "a = 'x'", { a: 'x' })
test('a qualified name', reads, 'a.b = 1', { 'a.b': '1' })
test('unquoted values', reads, 'a = on\nb = foo-bar.baz:/x\nc = _x', { a: 'on', b: 'foo-bar.baz:/x', c: '_x' })
test('numbers, with units, signs and exponents', reads, 'a=-5\nb=8MB\nc=0x1F\nd=1.5e3\ne=.5\nf=+1.', {
  a: '-5',
  b: '8MB',
  c: '0x1F',
  d: '1.5e3',
  e: '.5',
  f: '+1.',
})
test('quotes within a string', reads, "a = 'it''s'\nb = 'it\\'s'\nc = ''", { a: "it's", b: "it's", c: '' })
test('escapes', reads, "a = '\\b\\f\\n\\r\\t\\\\\\x'", { a: '\b\f\n\r\t\\x' })
test('octal escapes are bytes, up to three digits', reads, "a = '\\101\\1012\\60'\nb = '\\303\\251'", {
  a: 'AA20',
  b: 'é',
})
test('a number sign within a string', reads, "a = 'x # y' # z", { a: 'x # y' })
test('characters beyond ASCII are letters', reads, 'größe = süß', { größe: 'süß' })

test('duplicates stay, in their order, with their lines', (t) => {
  t.deepEqual(parseConfFile('a = 1\n\nA = 2\na = 3', 'f'), [
    { name: 'a', value: '1', line: 1 },
    { name: 'A', value: '2', line: 3 },
    { name: 'a', value: '3', line: 4 },
  ])
})

const refuses = test.macro((t, text: string, message: string | RegExp) => {
  const error = t.throws(() => parseConfFile(text, 'f'), { instanceOf: PginstallError, message })
  t.is(error?.sqlstate, 'F0000')
})

test('a name without a value', refuses, 'x = 1\na =\n', 'syntax error in file "f" line 2, near end of line')
test('a name alone at the end of the file', refuses, 'a', 'syntax error in file "f" line 1, near end of line')
test('two values', refuses, 'a = 1 2', 'syntax error in file "f" line 1, near token "2"')
test('two equal signs', refuses, 'a == 1', 'syntax error in file "f" line 1, near token "="')
test('a value without a name', refuses, "'a' = 1", 'syntax error in file "f" line 1, near token "\'a\'"')
test('a string that does not end', refuses, "a = 'x\nb = 1'", /near token "'"/)
test('a string that ends in an escaped quote', refuses, "a = 'x\\'", /near token "'"/)
test('a qualified name as a value', refuses, 'a = b.c.d e', /near token "e"/)
test('a byte order mark is a letter', (t) => {
  t.is(parseConfFile('\ufeffa = 1', 'f')[0]?.name, '\ufeffa')
})
test('a form feed is no blank', refuses, 'a =\f1', /near token "\f"/)
for (const directive of ['include', 'include_dir', 'include_if_exists', 'INCLUDE']) {
  test(
    `the directive ${directive}`,
    refuses,
    `a = 1\n${directive} 'x'`,
    `file "f" has a directive "${directive}" on line 2`,
  )
}
test('a NUL', refuses, 'a = 1\nb = \0', 'file "f" has a NUL byte on line 2')
test('an escaped NUL', refuses, "a = 'x\\0'", /NUL/)
test('escapes that make no UTF-8', refuses, "a = '\\377'", /not UTF-8/)

test('what is written is read back', (t) => {
  for (const value of ['', "it's", '\\', "\\'", 'a\nb\rc\td', '\\101', 'süß # x', "''"]) {
    t.is(parseConfFile(`a = ${formatConfValue(value)}`, 'f')[0]?.value, value)
  }
  t.throws(() => formatConfValue('a\0b'), { instanceOf: PginstallError })
})

test('a file of a megabyte takes no more than a moment', (t) => {
  const before = performance.now()
  t.is(parseConfFile("a = 'x'\n".repeat(125_000), 'f').length, 125_000)
  t.is(parseConfFile(`a = '${'x'.repeat(1_000_000)}'`, 'f').length, 1)
  t.true(performance.now() - before < 10_000)
})
