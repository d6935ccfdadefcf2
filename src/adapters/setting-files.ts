// The files that settings stand in: read whole, changed one line at a time, and named with the line where one is wrong.
import { readdirSync, readFileSync } from 'node:fs'
import { chmod, chown, mkdir, rename, stat, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { basename, dirname } from 'node:path'
import { type ConfEntry, formatConfValue, parseConfFile } from '../model/conf-file.ts'
import { describeCause, PginstallError } from '../model/errors.ts'
import { type Definition, parseValue, recordName, type ValueOf } from './setting-kinds.ts'

/** The sidecar's OS user reads what root sets, whatever root's umask is. */
const newFileMode = 0o644
const newFolderMode = 0o755

/** Sets one value, keeping every other line as it is, and who may read the file. Replaces it in one step. */
export async function replaceSetting(file: string, name: string, value: string): Promise<void> {
  const text = readIfThere(file)
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n')
  const wanted = `${name} = ${formatConfValue(value)}`
  const set = parseConfFile(text, file).findLast((entry) => entry.name.toLowerCase() === name)
  if (set === undefined) lines.push(wanted)
  else lines[set.line - 1] = wanted
  await makeFolder(dirname(file))
  const before = await stat(file).catch(() => undefined)
  const fresh = `${file}.${process.pid}.new`
  // Nobody else's before it is as it was: what it says may be a secret.
  await writeFile(fresh, lines.join('\n') + '\n', { mode: 0o600 })
  if (before !== undefined && process.geteuid?.() === 0) await chown(fresh, before.uid, before.gid)
  await chmod(fresh, before === undefined ? newFileMode : before.mode & 0o777)
  await rename(fresh, file)
}

async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true })
  if (first === undefined) return
  for (let made = folder; made.length >= first.length; made = dirname(made)) await chmod(made, newFolderMode)
}

/**
 * All settings of a file that has only those of one table.
 * @throws PginstallError config_file_error
 */
export function readRecord<D extends Record<string, Definition>>(
  file: string,
  table: D,
): { [N in keyof D]: ValueOf<D[N]['kind']> } {
  const record: Record<string, unknown> = {}
  for (const [name, { kind, default: value }] of Object.entries(table)) record[name] = parseValue(name, kind, value)
  for (const { name, value, line } of readConf(file)) {
    const definition = table[name.toLowerCase()]
    if (definition === undefined || !Object.hasOwn(table, name.toLowerCase()))
      throw broken(file, line, `unrecognized setting "${name}"`, `There are: ${Object.keys(table).join(', ')}.`)
    record[name.toLowerCase()] = locate(file, line, () => parseValue(name, definition.kind, value))
  }
  return record as { [N in keyof D]: ValueOf<D[N]['kind']> }
}

/** Nothing of a file that is not there. */
export function readConf(file: string): ConfEntry[] {
  return parseConfFile(readIfThere(file), file)
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return ''
    throw notReadable(file, cause)
  }
}

export function listConf(folder: string): string[] {
  return listIfThere(folder)
    .filter((file) => file.endsWith('.conf') && recordName.test(basename(file)))
    .sort()
}

export function listIfThere(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return []
    throw notReadable(folder, cause)
  }
}

function notReadable(path: string, cause: unknown): PginstallError {
  const denied = cause instanceof Error && 'code' in cause && cause.code === 'EACCES'
  return new PginstallError('config_file_error', `could not read "${path}": ${describeCause(cause)}`, {
    ...(denied && {
      hint: `OS user "${ownName()}" has to be let through to it: namei -l ${path} shows who is, chmod changes that.`,
    }),
    cause,
  })
}

function ownName(): string {
  try {
    return userInfo().username
  } catch {
    // Containers run under numbers that no database of users knows.
    return String(process.geteuid?.())
  }
}

export function locate<T>(file: string, line: number, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof PginstallError)) throw cause
    throw broken(file, line, cause.message, cause.hint)
  }
}

export function broken(file: string, line: number, reason: string, hint?: string): PginstallError {
  return new PginstallError(
    'config_file_error',
    `configuration file "${file}" contains an error in line ${line}: ${reason}`,
    hint === undefined ? {} : { hint },
  )
}

/** A file that lacks what it must have: no line is to blame. */
export function lacking(file: string, what: string, hint: string): PginstallError {
  return new PginstallError('config_file_error', `configuration file "${file}" contains an error: ${what}`, { hint })
}
