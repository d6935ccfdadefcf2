// Text that fuzzers are made of: what parsers treat specially, and names that every object has.
import fc from 'fast-check'

const words = [
  ...[
    'constructor',
    '__proto__',
    'toString',
    'valueOf',
    '..',
    '.',
    '-',
    '--',
    '/',
    '+',
    '*',
    '**',
    '~',
    '%2e%2e',
    '\\',
  ],
  ...['github.com', 'xn--bcher-kva.example', 'prefix', 'a', 'Z', '1', '00', '1.0', 'any', 'pg15', 'debian12', 'x86_64'],
  ...[
    '\0',
    '\n',
    '\r',
    '\t',
    ' ',
    '\v',
    '\f',
    "'",
    '"',
    '\\',
    '=',
    '#',
    ',',
    '\ufeff',
    '\u212a',
    'é',
    '😀',
    '$libdir/',
  ],
  ...['true', 'off', '.tar.gz', '.control', '.so', 'include', '\\0', '\\377', '8MB'],
]

export const word = fc.constantFrom(...words)
/** Whole code points only: nothing else survives UTF-8, in which all of it comes. */
export const unicode = fc.string({ unit: 'binary', maxLength: 40 })
export const text = fc.oneof(
  unicode,
  fc.array(fc.oneof(word, fc.string({ maxLength: 3 })), { maxLength: 14 }).map((parts) => parts.join('')),
)

export const version = fc
  .stringMatching(/^[0-9A-Za-z][0-9A-Za-z._+~-]{0,12}$/)
  .filter((candidate) => !candidate.includes('--') && !candidate.endsWith('-'))
export const fullName = fc
  .tuple(
    fc.constantFrom('a.b', 'github.com', 'xn--bcher-kva.example'),
    fc.array(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._~]{0,8}$/), { minLength: 1, maxLength: 3 }),
  )
  .map(([host, segments]) => [host, ...segments].join('/'))
