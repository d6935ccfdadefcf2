// Extension control files: parsed by PostgreSQL's own rules, and rewritten for the place where pginstall puts them.
// Source: parse_extension_control_file() in src/backend/commands/extension.c.
import { type ConfEntry, formatConfValue, parseConfFile } from './conf-file.ts'
import { PginstallError } from './errors.ts'
import { maxShortNameBytes } from './names.ts'
import { isServerEncoding } from './server-encoding.ts'

export type ControlFile = {
  directory?: string
  defaultVersion?: string
  modulePathname?: string
  comment?: string
  schema?: string
  encoding?: string
  relocatable: boolean
  superuser: boolean
  trusted: boolean
  /** Short names. */
  requires: string[]
  /** PostgreSQL 16 and later; earlier servers refuse the parameter. */
  noRelocate: string[]
}

type ParseOptions = {
  /** Names the file in errors. */
  file: string
  /** Whether it is `name--version.control`, which may not set everything. */
  auxiliary: boolean
  /** What an auxiliary file amends: the main one. Without it, its values stand over the defaults. */
  main?: ControlFile
}

type Setter = (control: ControlFile, value: string, refuse: (must: string) => never) => void

const setters: Record<string, Setter> = {
  directory: (control, value) => {
    control.directory = value
  },
  default_version: (control, value) => {
    control.defaultVersion = value
  },
  module_pathname: (control, value) => {
    control.modulePathname = value
  },
  comment: (control, value) => {
    control.comment = value
  },
  schema: (control, value) => {
    control.schema = value
  },
  relocatable: (control, value, refuse) => {
    control.relocatable = parseBoolean(value) ?? refuse('requires a Boolean value')
  },
  superuser: (control, value, refuse) => {
    control.superuser = parseBoolean(value) ?? refuse('requires a Boolean value')
  },
  trusted: (control, value, refuse) => {
    control.trusted = parseBoolean(value) ?? refuse('requires a Boolean value')
  },
  encoding: (control, value, refuse) => {
    control.encoding = isServerEncoding(value) ? value : refuse(`has no valid encoding name: "${value}"`)
  },
  requires: (control, value, refuse) => {
    control.requires = splitIdentifiers(value) ?? refuse('must be a list of extension names')
  },
  no_relocate: (control, value, refuse) => {
    control.noRelocate = splitIdentifiers(value) ?? refuse('must be a list of extension names')
  },
}

/** Setting them for one version would move the scripts of all. */
const mainFileOnly = new Set(['directory', 'default_version'])

/** @throws PginstallError config_file_error */
export function parseControlFile(text: string, options: ParseOptions): ControlFile {
  return interpret(parseConfFile(text, options.file), options)
}

/**
 * The text of a main control file, with its place and its trust decided by us. `trusted` is always written: the
 * publisher's claim never stands. `modulePathname` null takes the parameter out.
 * @throws PginstallError config_file_error when the file, or what would become of it, is not sound
 */
export function relocateControlFile(
  text: string,
  place: { directory: string; modulePathname: string | null; trusted: boolean; defaultVersion?: string },
): string {
  return rewrite(text, false, {
    directory: place.directory,
    ...(place.defaultVersion === undefined ? {} : { default_version: place.defaultVersion }),
    module_pathname: place.modulePathname,
    trusted: String(place.trusted),
  })
}

/**
 * The same for an auxiliary control file, whose settings PostgreSQL lays over the main one's: `trusted` there would
 * override ours, and so would `module_pathname`, which is kept out unless the file had one.
 * @throws PginstallError config_file_error
 */
export function relocateAuxiliaryControlFile(
  text: string,
  place: { modulePathname: string | null; trusted: boolean },
): string {
  const had = parseControlFile(text, { file: 'control file', auxiliary: true }).modulePathname !== undefined
  return rewrite(text, true, {
    module_pathname: had ? place.modulePathname : null,
    trusted: String(place.trusted),
  })
}

/** Whether a file is `name--version.control`. */
export function isAuxiliaryControlOf(name: string, fileName: string): boolean {
  const suffix = '.control'
  if (!fileName.startsWith(`${name}--`) || !fileName.endsWith(suffix)) return false
  const version = fileName.slice(name.length + 2, -suffix.length)
  return /^[^-/](?:[^/]*[^-/])?$/.test(version) && !version.includes('--')
}

/**
 * A list of identifiers, as SplitIdentifierString() in src/backend/utils/adt/varlena.c takes it: quoted names stand as
 * they are, others are folded to lower case, both are cut at 63 bytes. Undefined when it is no such list.
 */
export function splitIdentifiers(text: string): string[] | undefined {
  const blank = /[ \t\n\r\f\v]*/y
  const item = /(?:"(?<quoted>(?:[^"]|"")*)"|(?<plain>[^", \t\n\r\f\v][^, \t\n\r\f\v]*))[ \t\n\r\f\v]*/y
  const names: string[] = []
  blank.exec(text)
  if (blank.lastIndex === text.length) return names
  for (let at = blank.lastIndex; ; ) {
    item.lastIndex = at
    const { quoted, plain } = item.exec(text)?.groups ?? {}
    if (quoted !== undefined) names.push(cut(quoted.replaceAll('""', '"')))
    else if (plain !== undefined) names.push(cut(plain.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())))
    else return undefined
    at = item.lastIndex
    if (at === text.length) return names
    if (text[at] !== ',') return undefined
    blank.lastIndex = at + 1
    blank.exec(text)
    at = blank.lastIndex
  }
}

/** parse_bool() in src/backend/utils/adt/bool.c: any unique prefix of true, false, yes, no, on, off, or 1 and 0. */
export function parseBoolean(value: string): boolean | undefined {
  const text = value.toLowerCase()
  if (text === '') return undefined
  if (text === '1' || (text.length >= 2 && 'on'.startsWith(text))) return true
  if (text === '0' || (text.length >= 2 && 'off'.startsWith(text))) return false
  if ('true'.startsWith(text) || 'yes'.startsWith(text)) return true
  if ('false'.startsWith(text) || 'no'.startsWith(text)) return false
  return undefined
}

function interpret(entries: ConfEntry[], { file, auxiliary, main }: ParseOptions): ControlFile {
  const control: ControlFile =
    main === undefined
      ? { relocatable: false, superuser: true, trusted: false, requires: [], noRelocate: [] }
      : { ...main }
  for (const { name, value, line } of entries) {
    const refuse = (must: string): never => {
      throw fault(file, `parameter "${name}" ${must} (line ${line})`)
    }
    if (auxiliary && mainFileOnly.has(name)) refuse('cannot be set in a secondary extension control file')
    const set = Object.hasOwn(setters, name) ? setters[name] : undefined
    if (set === undefined) throw fault(file, `unrecognized parameter "${name}" (line ${line})`)
    set(control, value, refuse)
  }
  if (control.relocatable && control.schema !== undefined) {
    throw fault(file, 'parameter "schema" cannot be specified when "relocatable" is true')
  }
  return control
}

/** Null takes a parameter out. Only the last of several settings counts for PostgreSQL, so only that one is kept. */
function rewrite(text: string, auxiliary: boolean, ours: Record<string, string | null>): string {
  const entries = parseConfFile(text, 'control file')
  interpret(entries, { file: 'control file', auxiliary })
  const values = new Map(entries.map(({ name, value }) => [name, value]))
  for (const [name, value] of Object.entries(ours)) {
    values.delete(name)
    if (value !== null) values.set(name, value)
  }
  return [...values].map(([name, value]) => `${name} = ${formatConfValue(value)}\n`).join('')
}

/** At a character's border, as truncate_identifier() does in UTF-8. */
function cut(name: string): string {
  const bytes = Buffer.from(name)
  if (bytes.length <= maxShortNameBytes) return name
  let end = maxShortNameBytes
  while (((bytes[end] as number) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

function fault(file: string, what: string): PginstallError {
  return new PginstallError('config_file_error', `invalid control file "${file}": ${what}`)
}
