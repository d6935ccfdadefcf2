// Reads and writes PostgreSQL's configuration file syntax, which its control files and our settings share.
// Source: src/backend/utils/misc/guc-file.l, ParseConfigFp() and DeescapeQuotedString().
import { isUtf8 } from 'node:buffer'
import { PginstallError } from './errors.ts'

export type ConfEntry = {
  /** As written: PostgreSQL compares names of settings without regard to case, those of control files with. */
  name: string
  value: string
  /** From 1. */
  line: number
}

type TokenKind =
  | 'blank'
  | 'comment'
  | 'eol'
  | 'id'
  | 'qualified'
  | 'string'
  | 'unquoted'
  | 'number'
  | 'equals'
  | 'other'
type Token = { kind: TokenKind | 'end'; text: string; line: number }

/** In flex's order: the longest match wins, then the first. Every character beyond ASCII is a letter. */
const rules: [TokenKind, RegExp][] = [
  ['eol', /\n/y],
  ['blank', /[ \t\r]+/y],
  ['comment', /#[^\n]*/y],
  ['id', /[A-Za-z_\u0080-\uffff][A-Za-z_0-9\u0080-\uffff]*/y],
  ['qualified', /[A-Za-z_\u0080-\uffff][A-Za-z_0-9\u0080-\uffff]*\.[A-Za-z_\u0080-\uffff][A-Za-z_0-9\u0080-\uffff]*/y],
  ['string', /'(?:[^'\\\n]|\\[^\n]|'')*'/y],
  ['unquoted', /[A-Za-z_\u0080-\uffff][A-Za-z_0-9\u0080-\uffff._:/-]*/y],
  ['number', /[-+]?(?:0x[0-9A-Fa-f]+|[0-9]+)[A-Za-z]*/y],
  ['number', /[-+]?[0-9]*\.[0-9]*(?:[Ee][-+]?[0-9]+)?/y],
  ['equals', /=/y],
  ['other', /[^\n]/y],
]

const valueKinds = new Set<Token['kind']>(['id', 'string', 'number', 'unquoted'])
const includeDirectives = new Set(['include', 'include_dir', 'include_if_exists'])
const controlEscapes: Record<string, number> = { b: 8, f: 12, n: 10, r: 13, t: 9 }

/**
 * The settings of a file in their order, duplicates included. `file` names it in errors.
 *
 * Stricter than PostgreSQL in two things. Include directives are refused: PostgreSQL honours them in control files too
 * (ParseConfigFp at ERROR level), so whoever writes a control file could have it read any file of the server. NUL,
 * raw or as an escape, is refused: PostgreSQL ends the value there, so that two readers would see two values.
 * @throws PginstallError config_file_error
 */
export function parseConfFile(text: string, file: string): ConfEntry[] {
  const nul = text.indexOf('\0')
  if (nul >= 0) throw fault(file, text.slice(0, nul).split('\n').length, 'has a NUL byte')
  const tokens = tokenize(text, file)
  const entries: ConfEntry[] = []
  for (let at = 0; tokens[at]?.kind !== 'end'; at++) {
    if (tokens[at]?.kind === 'eol') continue
    const name = take(tokens, at, (kind) => kind === 'id' || kind === 'qualified', file)
    if (tokens[at + 1]?.kind === 'equals') at++
    const value = take(tokens, at + 1, (kind) => valueKinds.has(kind), file)
    const end = take(tokens, at + 2, (kind) => kind === 'eol' || kind === 'end', file)
    if (includeDirectives.has(name.text.toLowerCase())) {
      throw fault(
        file,
        name.line,
        `has a directive "${name.text}"`,
        'Write what it would include into the file itself.',
      )
    }
    entries.push({
      name: name.text,
      value: value.kind === 'string' ? unquote(value, file) : value.text,
      line: name.line,
    })
    at += end.kind === 'end' ? 1 : 2
  }
  return entries
}

/**
 * A value in quotes, as parseConfFile and PostgreSQL read it back.
 * @throws PginstallError invalid_parameter_value for a NUL
 */
export function formatConfValue(value: string): string {
  if (value.includes('\0')) {
    throw new PginstallError('invalid_parameter_value', 'could not write a configuration value: it has a NUL byte')
  }
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`
}

function tokenize(text: string, file: string): Token[] {
  const tokens: Token[] = []
  let line = 1
  for (let at = 0; at < text.length; ) {
    const { kind, length } = longestMatch(text, at)
    // The grammar has no such token. Reading on would try every rule at each place of what may be one long unended string.
    if (kind === 'other') throw syntaxError(file, line, `near token "${text[at]}"`)
    if (kind !== 'blank' && kind !== 'comment') tokens.push({ kind, text: text.slice(at, at + length), line })
    if (kind === 'eol') line++
    at += length
  }
  tokens.push({ kind: 'end', text: '', line })
  return tokens
}

function longestMatch(text: string, at: number): { kind: TokenKind; length: number } {
  let best: { kind: TokenKind; length: number } = { kind: 'other', length: 0 }
  for (const [kind, pattern] of rules) {
    pattern.lastIndex = at
    const length = pattern.exec(text)?.[0].length ?? 0
    if (length > best.length) best = { kind, length }
  }
  return best
}

function take(tokens: Token[], at: number, fits: (kind: Token['kind']) => boolean, file: string): Token {
  const token = tokens[at] ?? (tokens.at(-1) as Token)
  if (fits(token.kind)) return token
  const place = token.kind === 'eol' || token.kind === 'end' ? 'near end of line' : `near token "${token.text}"`
  throw syntaxError(file, token.line, place)
}

/** As PostgreSQL words it. */
function syntaxError(file: string, line: number, place: string): PginstallError {
  return new PginstallError('config_file_error', `syntax error in file "${file}" line ${line}, ${place}`)
}

/** Works on bytes, since an octal escape is a byte and several of them may make one character. */
function unquote(token: Token, file: string): string {
  const quoted = Buffer.from(token.text.slice(1, -1))
  const plain: number[] = []
  for (let at = 0; at < quoted.length; at++) {
    const byte = quoted[at] as number
    if (byte === 0x27) at++
    if (byte !== 0x5c) {
      plain.push(byte)
      continue
    }
    const octal = /^[0-7]{1,3}/.exec(quoted.toString('latin1', at + 1, at + 4))?.[0]
    if (octal !== undefined) {
      plain.push(Number.parseInt(octal, 8) & 0xff)
      at += octal.length
    } else {
      at++
      const escaped = quoted[at] as number
      plain.push(controlEscapes[String.fromCharCode(escaped)] ?? escaped)
    }
  }
  const value = Buffer.from(plain)
  if (value.includes(0)) throw fault(file, token.line, 'has a NUL byte')
  if (!isUtf8(value)) throw fault(file, token.line, 'has a value that is not UTF-8')
  return value.toString()
}

function fault(file: string, line: number, what: string, hint?: string): PginstallError {
  return new PginstallError(
    'config_file_error',
    `file "${file}" ${what} on line ${line}`,
    hint === undefined ? {} : { hint },
  )
}
