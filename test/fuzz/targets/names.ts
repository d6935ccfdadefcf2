// Names against regular expressions that were written from the grammar alone, and versions against dpkg's algorithm.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { formatIdentity, parseIdentity } from '../../../src/model/archive-identity.ts'
import {
  checkModuleName,
  checkPattern,
  checkVersion,
  matchesPattern,
  parseExtensionName,
  parseFullName,
  uniqueModuleName,
} from '../../../src/model/names.ts'
import { compareVersions } from '../../../src/model/version-order.ts'
import { property, taken } from '../target.ts'
import { fullName, text, version, word } from './text.ts'

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const full = new RegExp(
  `^(?=[\\s\\S]{1,150}$)(?=[\\s\\S]*/(?!-)[^/]{1,63}$)${label}(?:\\.${label})+(?:/(?!\\.{1,2}(?:/|$))(?![^/]*--)[A-Za-z0-9._~-]+)+(?<!-)$`,
)
const grammars: [kind: string, (candidate: string) => unknown, RegExp][] = [
  ['full name', parseFullName, full],
  ['version', checkVersion, /^(?!.*--)[0-9A-Za-z](?:[0-9A-Za-z._+~-]{0,62}[0-9A-Za-z._+~])?$/],
  ['module', checkModuleName, /^(?![\s\S]*--)[A-Za-z0-9_][A-Za-z0-9_.+-]*$/],
  ['pattern', checkPattern, /^(?=\*|[^/]*\.)(?:(?:\*|[A-Za-z0-9._~-]+)\/)*(?:\*\*?|[A-Za-z0-9._~-]+)$/],
]

const almostName = fc
  .tuple(fullName, word, fc.nat(40))
  .map(([name, extra, at]) => name.slice(0, at) + extra + name.slice(at))

export const names = property('names', fc.oneof(text, fullName, version, almostName), (candidate) => {
  for (const [kind, parse, grammar] of grammars) {
    const accepted = taken(() => parse(candidate)) !== undefined
    assert.equal(accepted, grammar.test(candidate), `${kind} ${JSON.stringify(candidate)}`)
  }
  const short = taken(() => parseExtensionName(candidate))
  const sound = /^(?!-)(?![\s\S]*--)[^\0/]+(?<!-)$/.test(candidate) && Buffer.byteLength(candidate) <= 63
  assert.equal(short?.kind === 'short', sound, `short name ${JSON.stringify(candidate)}`)
  const module = taken(() => uniqueModuleName(checkModuleName(candidate), 'a.b/c'))
  if (module !== undefined) assert.ok(module.endsWith('--a.b+c') && !module.includes('/') && module.length <= 200)
})

const patternPart = fc.constantFrom('*', 'a', 'b', 'a.b')
const patternCase = fc.record({
  name: fc.array(fc.constantFrom('a', 'b', 'a.b', '*'), { minLength: 1, maxLength: 5 }),
  parts: fc.array(patternPart, { maxLength: 4 }),
  open: fc.boolean(),
})

export const patterns = property('patterns', patternCase, ({ name, parts, open }) => {
  const pattern = open ? [...parts, '**'] : parts
  const regular = pattern
    .map((part) => (part === '**' ? '[^/]+(?:/[^/]+)*' : part === '*' ? '[^/]+' : part.replaceAll('.', '\\.')))
    .join('/')
  if (pattern.length === 0) return
  assert.equal(matchesPattern(name.join('/'), pattern.join('/')), new RegExp(`^${regular}$`).test(name.join('/')))
})

export const versionOrder = property('version-order', fc.tuple(version, version, version), ([a, b, c]) => {
  const order = (left: string, right: string) => Math.sign(compareVersions(left, right))
  assert.equal(order(a, a), 0)
  assert.equal(order(a, b), 0 - order(b, a))
  if (order(a, b) <= 0 && order(b, c) <= 0) assert.ok(order(a, c) <= 0, 'not transitive')
  if (order(a, b) === 0) assert.equal(order(a, c), order(b, c), 'equal versions stand in different places')
  assert.equal(order(a, b), Math.sign(compareAsDpkg(a, b)))
})

/** verrevcmp() of dpkg's lib/dpkg/version.c, a character at a time. */
function compareAsDpkg(a: string, b: string): number {
  const digit = (c: string | undefined) => c !== undefined && c >= '0' && c <= '9'
  const weight = (c: string | undefined) => {
    if (c === undefined || digit(c)) return 0
    if (/[A-Za-z]/.test(c)) return c.charCodeAt(0)
    return c === '~' ? -1 : c.charCodeAt(0) + 256
  }
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    while ((i < a.length && !digit(a[i])) || (j < b.length && !digit(b[j]))) {
      const difference = weight(a[i]) - weight(b[j])
      if (difference !== 0) return difference
      i++
      j++
    }
    while (a[i] === '0') i++
    while (b[j] === '0') j++
    let first = 0
    for (; digit(a[i]) && digit(b[j]); i++, j++) first ||= a.charCodeAt(i) - b.charCodeAt(j)
    if (digit(a[i])) return 1
    if (digit(b[j])) return -1
    if (first !== 0) return first
  }
  return 0
}

const platform = fc
  .tuple(fc.stringMatching(/^[a-z0-9._]{1,8}$/), fc.stringMatching(/^[a-z0-9_]{1,8}$/))
  .map((parts) => parts.join('-'))
const target = fc.option(fc.record({ major: fc.integer({ min: 13, max: 99 }), platform }, { noNullPrototype: true }))
const identity = fc.record(
  { fullName, version, target, build: fc.integer({ min: 1, max: 999_999_999 }) },
  { noNullPrototype: true },
)

export const archiveIdentity = property('archive-identity', fc.record({ identity, file: text }), (specimen) => {
  const formatted = formatIdentity(specimen.identity)
  assert.ok(!formatted.includes('/'))
  assert.deepEqual(parseIdentity(formatted), { ...specimen.identity })
  for (const file of [
    specimen.file,
    `${specimen.file}--1.0--any--1.tar.gz`,
    `a.b+c--${specimen.file}--any--1.tar.gz`,
  ]) {
    const parsed = taken(() => parseIdentity(file))
    if (parsed !== undefined) assert.equal(formatIdentity(parsed), file)
  }
})
