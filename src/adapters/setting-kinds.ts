// Kinds of values that settings have: how each is written in a file, and what it is read as.
import { PginstallError } from '../model/errors.ts'
import { checkPattern } from '../model/names.ts'
import { type Pin, parsePin } from '../model/policy.ts'
import { parsePublicKey } from '../model/signature.ts'

/** What repositories, targets and the files of a folder may be called. */
export const recordName = /^[A-Za-z0-9][A-Za-z0-9._-]*$/

/** Text, whole numbers, sizes in bytes ('1GB'), times in milliseconds ('10s'), comma-separated lists. */
export type Kind =
  | 'text'
  | 'integer'
  | 'bytes'
  | 'milliseconds'
  | 'boolean'
  | 'list'
  | 'names'
  | 'keys'
  | 'patterns'
  | 'pins'

export type Definition = { kind: Kind; default: string; description: string }

export type ValueOf<K extends Kind> = K extends 'integer' | 'bytes' | 'milliseconds'
  ? number
  : K extends 'boolean'
    ? boolean
    : K extends 'list' | 'names' | 'keys' | 'patterns'
      ? string[]
      : K extends 'pins'
        ? Pin[]
        : string

/** @throws PginstallError invalid_parameter_value */
export function parseValue(name: string, kind: Kind, value: string): string | number | boolean | string[] | Pin[] {
  switch (kind) {
    case 'text':
      return value
    case 'integer':
      return parseNumber(name, value, { '': 1 })
    case 'bytes':
      return parseNumber(name, value, { '': 1, b: 1, kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30, tb: 2 ** 40 })
    case 'milliseconds':
      return parseNumber(name, value, { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 })
    case 'boolean':
      return parseBoolean(name, value)
    case 'list':
      return splitList(value)
    case 'names':
      return splitList(value).map(checkRecordName)
    case 'keys':
      // As they are written: what reads an index parses them again.
      return splitList(value).filter((key) => parsePublicKey(key))
    case 'patterns':
      return splitList(value).map(checkPattern)
    case 'pins':
      return splitList(value).map(parsePin)
  }
}

function parseNumber(name: string, text: string, units: Record<string, number>): number {
  const match = /^\s*([0-9]{1,15})\s*([A-Za-z]*)\s*$/.exec(text)
  const unit = match?.[2]?.toLowerCase() ?? '?'
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined
  if (match === null || factor === undefined) {
    const valid = Object.keys(units).filter((unit) => unit !== '')
    throw new PginstallError('invalid_parameter_value', `invalid value for "${name}": "${text}"`, {
      hint:
        valid.length === 0
          ? 'A whole number is expected.'
          : `A whole number with a unit is expected: ${valid.join(', ')}.`,
    })
  }
  return Number(match[1]) * factor
}

function parseBoolean(name: string, text: string): boolean {
  if (['on', 'true', 'yes', '1'].includes(text.toLowerCase())) return true
  if (['off', 'false', 'no', '0'].includes(text.toLowerCase())) return false
  throw new PginstallError('invalid_parameter_value', `invalid value for "${name}": "${text}"`, {
    hint: 'It is yes or no.',
  })
}

/** @throws PginstallError invalid_name */
export function checkRecordName(name: string): string {
  if (recordName.test(name)) return name
  throw new PginstallError('invalid_name', `invalid repository name: "${name}"`, {
    detail:
      'A repository name has letters, digits and characters of "._-", and begins with a letter or digit. Several stand with commas between them.',
  })
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
