// What our settings do to those that a cluster has already: lists are added to and taken from, never replaced.
import { basename, normalize } from 'node:path'

/** As session_preload_libraries names our module. */
export const libraryName = 'pginstall'

/** The settings of a cluster that setup changes, with what PostgreSQL has where no file says anything. */
export const defaultValues = {
  session_preload_libraries: '',
  shared_preload_libraries: '',
  dynamic_library_path: '$libdir',
  'pginstall.socket': undefined,
  'pginstall.directory': undefined,
  'pginstall.sidecar_user': undefined,
  'pginstall.prefer': undefined,
  'pginstall.timeout': undefined,
  'pginstall.downgrade': undefined,
} as const

export type SettingName = keyof typeof defaultValues
export const settingNames = Object.keys(defaultValues) as SettingName[]

/**
 * Set to what they are by default unless a file has them: what a library defines and no file names makes PostgreSQL 13
 * to 15 sort all of its settings anew in each session, which takes longer than loading the library.
 */
const writtenDefaults = {
  'pginstall.prefer': '',
  'pginstall.timeout': '10min',
  'pginstall.downgrade': 'off',
} as const

const ourSettings = settingNames.filter((name) => name.startsWith('pginstall.'))

/** What files say of one setting. */
export type FileValue = {
  /** What holds; undefined when no file says anything. */
  value?: string
  /** What would hold without ALTER SYSTEM; undefined when no other file says anything. */
  below?: string
}
export type FileValues = Partial<Record<SettingName, FileValue>>

/** A new value: libraries one by one, as ALTER SYSTEM wants them; undefined takes away what ALTER SYSTEM had set. */
export type Change = { name: SettingName; value: string | string[] | undefined }

export type Wanted = {
  /** Directory of the target's module links. */
  libraryDirectory: string
  socket: string
  directory: string
  sidecarUser: string
  /** Besides, in shared_preload_libraries. */
  shared: boolean
}

/** What is to be changed so that sessions have the hook; the library that sessions load comes last. */
export function changesForSetup(files: FileValues, wanted: Wanted): Change[] {
  const changes: Change[] = []
  const path = effective(files, 'dynamic_library_path')
  if (!splitPath(path).some((item) => isSamePath(item, wanted.libraryDirectory))) {
    changes.push({ name: 'dynamic_library_path', value: `${path}:${wanted.libraryDirectory}` })
  }
  const plain = {
    'pginstall.socket': wanted.socket,
    'pginstall.directory': wanted.directory,
    'pginstall.sidecar_user': wanted.sidecarUser,
  } as const
  for (const [name, value] of Object.entries(plain) as [keyof typeof plain, string][]) {
    if (files[name]?.value !== value) changes.push({ name, value })
  }
  for (const [name, value] of Object.entries(writtenDefaults) as [keyof typeof writtenDefaults, string][]) {
    if (files[name]?.value === undefined) changes.push({ name, value })
  }
  const lists = [
    ...(wanted.shared ? (['shared_preload_libraries'] as const) : []),
    'session_preload_libraries' as const,
  ]
  for (const name of lists) {
    const libraries = splitLibraries(effective(files, name))
    if (!libraries.some(isOurLibrary)) changes.push({ name, value: [...libraries, libraryName] })
  }
  return changes
}

/** The way back; what others have set meanwhile stays. The library that sessions load goes first. */
export function changesForUninstall(files: FileValues, libraryDirectory: string): Change[] {
  const changes: Change[] = []
  for (const name of ['session_preload_libraries', 'shared_preload_libraries'] as const) {
    const libraries = splitLibraries(effective(files, name))
    const rest = libraries.filter((library) => !isOurLibrary(library))
    if (rest.length === libraries.length) continue
    const below = splitLibraries(files[name]?.below ?? '')
    // ALTER SYSTEM would store an empty list as the library "", which no session finds.
    changes.push({ name, value: rest.length === 0 || isSameList(rest, below) ? undefined : rest })
  }
  const path = effective(files, 'dynamic_library_path')
  const rest = splitPath(path).filter((item) => !isSamePath(item, libraryDirectory))
  if (rest.length < splitPath(path).length) {
    const below = files.dynamic_library_path?.below ?? defaultValues.dynamic_library_path
    changes.push({
      name: 'dynamic_library_path',
      value: isSameList(rest, splitPath(below)) ? undefined : rest.join(':'),
    })
  }
  for (const name of ourSettings) {
    if (files[name]?.value !== undefined) changes.push({ name, value: undefined })
  }
  return changes
}

/** Whether an entry of a list of libraries is our module, however it is written. */
export function isOurLibrary(library: string): boolean {
  return basename(library).replace(/\.so$/, '') === libraryName
}

/**
 * The entries of a list of libraries.
 * Source: src/backend/utils/adt/varlena.c, SplitDirectoriesString().
 */
export function splitLibraries(value: string): string[] {
  const items = value.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^",][^,]*))\s*(?:,|$)/g)
  return [...items]
    .map(([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? (bare ?? '').trim())
    .filter((library) => library !== '')
}

/** A list of libraries as a configuration file has it. */
export function joinLibraries(libraries: string[]): string {
  return libraries
    .map((library) => (/^[a-z_][a-z0-9_$]*$/.test(library) ? library : `"${library.replaceAll('"', '""')}"`))
    .join(', ')
}

export function splitPath(path: string): string[] {
  return path.split(':')
}

export function isSamePath(a: string, b: string): boolean {
  return normalize(a).replace(/\/+$/, '') === normalize(b).replace(/\/+$/, '')
}

function effective(files: FileValues, name: keyof typeof defaultValues): string {
  return files[name]?.value ?? defaultValues[name] ?? ''
}

function isSameList(a: string[], b: string[]): boolean {
  return a.length === b.length && a.every((item, at) => item === b[at])
}
