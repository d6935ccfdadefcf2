// The grammar of names: full names, short names, versions, modules. protocol/corpus/names.json is replayed against
// this parser and the one in pgext/.
import { PginstallError } from './errors.ts'

/** Longest full name, bytes: a module's link name holds it and a file name ends at 255. */
export const maxFullNameBytes = 150
/** Longest short name, bytes: PostgreSQL's NAMEDATALEN - 1. */
export const maxShortNameBytes = 63
/** Longest unique module name, bytes, without `.so`. */
export const maxModuleNameBytes = 200

export type ExtensionName =
  | { kind: 'full'; full: string; short: string }
  /** A short name names whatever provider is meant; it has no full form of its own. */
  | { kind: 'short'; short: string }

const hostLabel = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const segment = /^[A-Za-z0-9._~-]+$/
const version = /^[0-9A-Za-z][0-9A-Za-z._+~-]{0,63}$/
const moduleName = /^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/

/** @throws PginstallError invalid_name, name_too_long */
export function parseExtensionName(text: string): ExtensionName {
  if (text.includes('/')) return { kind: 'full', full: text, short: parseFullName(text).short }
  const reason = shortNameFault(text)
  if (reason !== undefined)
    throw new PginstallError('invalid_name', `invalid extension name: "${text}"`, { detail: reason })
  return { kind: 'short', short: text }
}

/**
 * Splits a full name: `github.com/dim/prefix`.
 * @throws PginstallError invalid_name, name_too_long
 */
export function parseFullName(text: string): { full: string; host: string; short: string } {
  if (Buffer.byteLength(text) > maxFullNameBytes) {
    throw new PginstallError('name_too_long', `extension full name has more than ${maxFullNameBytes} bytes`, {
      detail: `The name begins with "${text.slice(0, 60)}".`,
    })
  }
  const reason = fullNameFault(text)
  if (reason !== undefined) {
    throw new PginstallError('invalid_name', `invalid extension full name: "${text}"`, {
      detail: reason,
      hint: 'A full name is a URI without scheme, query and fragment, such as github.com/dim/prefix.',
    })
  }
  const segments = text.split('/')
  return { full: text, host: segments[0] as string, short: segments.at(-1) as string }
}

/** @throws PginstallError invalid_name */
export function checkVersion(text: string): string {
  if (!version.test(text) || text.includes('--') || text.endsWith('-')) {
    throw new PginstallError('invalid_name', `invalid extension version: "${text}"`, {
      detail:
        'A version has 1 to 64 letters, digits and characters of "._+~-", begins with a letter or digit, does not end with "-" and has no "--".',
    })
  }
  return text
}

/** @throws PginstallError invalid_name */
export function checkModuleName(text: string): string {
  if (!moduleName.test(text) || text.includes('--')) {
    throw new PginstallError('invalid_name', `invalid module name: "${text}"`, {
      detail:
        'A module name has letters, digits and characters of "_.+-", begins with a letter, a digit or "_" and has no "--".',
    })
  }
  return text
}

/** Full name as one path element, `github.com+dim+prefix`. A full name has no `+`, so two never meet. */
export function flattenFullName(full: string): string {
  return full.replaceAll('/', '+')
}

/**
 * The bare name under which `dynamic_library_path` has a module: unique by provider, the same on every machine and major.
 * @throws PginstallError name_too_long
 */
export function uniqueModuleName(module: string, full: string): string {
  const name = `${module}--${flattenFullName(full)}`
  if (Buffer.byteLength(name) > maxModuleNameBytes) {
    throw new PginstallError('name_too_long', `unique module name has more than ${maxModuleNameBytes} bytes: "${name}"`)
  }
  return name
}

/**
 * Module and provider of a unique module name. A host may have `--` (punycode) but does not begin with a hyphen.
 * @throws PginstallError invalid_name, name_too_long
 */
export function parseLibraryName(text: string): { module: string; fullName: string } {
  const [, module, provider] = /^(.+?)--(?!-)([^/]*)$/s.exec(text) ?? []
  if (module === undefined || provider === undefined) {
    throw new PginstallError('invalid_name', `invalid unique module name: "${text}"`, {
      detail: 'It has the form MODULE--FULL+NAME, with "+" for the "/" of the full name.',
    })
  }
  const { full: fullName } = parseFullName(provider.replaceAll('+', '/'))
  uniqueModuleName(checkModuleName(module), fullName)
  return { module, fullName }
}

/**
 * Whether a full name matches a pattern of whole segments: `*` stands for one segment, a trailing `**` for one or more.
 */
export function matchesPattern(full: string, pattern: string): boolean {
  const name = full.split('/')
  const parts = pattern.split('/')
  const open = parts.at(-1) === '**'
  const fixed = open ? parts.slice(0, -1) : parts
  if (open ? name.length <= fixed.length : name.length !== fixed.length) return false
  return fixed.every((part, i) => part === '*' || part === name[i])
}

/** @throws PginstallError invalid_parameter_value when the pattern could match nothing or is not made of segments */
export function checkPattern(pattern: string): string {
  checkSegments(pattern)
  const host = pattern.split('/')[0] as string
  if (!host.includes('.') && host !== '*' && host !== '**') {
    throw new PginstallError('invalid_parameter_value', `invalid full-name pattern: "${pattern}"`, {
      detail: `It begins with "${host}", which is no host: that has a dot.`,
      hint: 'A pattern begins with a host, such as github.com/dim/*, or with "*" for any.',
    })
  }
  return pattern
}

/**
 * The same for a search, where a pattern without a slash is one of short names.
 * @throws PginstallError invalid_parameter_value
 */
export function checkSearchPattern(pattern: string): string {
  return pattern.includes('/') ? checkPattern(pattern) : checkSegments(pattern)
}

function checkSegments(pattern: string): string {
  const parts = pattern.split('/')
  const sound = parts.every(
    (part, i) => part === '*' || (part === '**' && i === parts.length - 1) || segment.test(part),
  )
  if (!sound) {
    throw new PginstallError('invalid_parameter_value', `invalid full-name pattern: "${pattern}"`, {
      hint: 'A pattern is a full name in which "*" stands for one segment and a last "**" for any number, such as github.com/dim/*.',
    })
  }
  return pattern
}

function fullNameFault(text: string): string | undefined {
  const [host, ...rest] = text.split('/')
  if (host === undefined || rest.length === 0) return 'There is no path after the host.'
  if (host.endsWith(':')) return `The name begins with a scheme: leave out "${host}//".`
  if (!host.includes('.')) return `The host "${host}" has no dot.`
  if (!host.split('.').every((label) => hostLabel.test(label))) {
    return `"${host}" is not a host name in lower case; international names are written as punycode.`
  }
  for (const part of rest) {
    if (part === '') return 'A path segment is empty.'
    if (part === '.' || part === '..') return `"${part}" is no path segment.`
    if (!segment.test(part)) return `The path segment "${part}" has characters other than letters, digits and "._~-".`
    if (part.includes('--')) return `The path segment "${part}" has "--".`
  }
  return shortNameFault(rest.at(-1) as string)
}

/** PostgreSQL's own rule: check_valid_extension_name() in src/backend/commands/extension.c, and NAMEDATALEN. */
function shortNameFault(text: string): string | undefined {
  if (text === '') return 'Extension names must not be empty.'
  if (Buffer.byteLength(text) > maxShortNameBytes) return `Extension names have at most ${maxShortNameBytes} bytes.`
  // PostgreSQL's strings end at it, so it would see another name.
  if (text.includes('\0')) return 'Extension names must not contain NUL.'
  if (text.includes('--')) return 'Extension names must not contain "--".'
  if (text.startsWith('-') || text.endsWith('-')) return 'Extension names must not begin or end with "-".'
  return undefined
}
