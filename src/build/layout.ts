// Which archive every installed file goes to, and where in it: one archive a control file.
import { readFile } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import type { PgConfig } from '../adapters/pg-config.ts'
import { type ControlFile, parseControlFile } from '../model/control-file.ts'
import { PginstallError } from '../model/errors.ts'
import type { FileKind } from '../model/manifest.ts'
import { parseFullName } from '../model/names.ts'
import type { StagedFile } from './collect.ts'
import type { PackedFile } from './pack.ts'

export type ArchivePlan = {
  fullName: string
  name: string
  control: ControlFile
  files: PackedFile[]
}

type Extension = ArchivePlan & { scriptDirectory: string; modules: Set<string> }

/**
 * Sorts the installed files. A tree with several control files makes as many archives; the full name of each is the
 * one given, its last element replaced by the control file's name. Scripts go to the extension they are named for,
 * modules to those that name them, data and docs to every one. `leftOut` is what no archive has a place for: programs,
 * headers, bitcode.
 * @throws PginstallError build_failed, config_file_error, invalid_name
 */
export async function planArchives(
  staged: StagedFile[],
  pg: PgConfig,
  fullName: string,
): Promise<{ plans: ArchivePlan[]; leftOut: string[] }> {
  const home = join(pg.sharedir, 'extension')
  const controls = staged.filter(({ path }) => dirname(path) === home && isMainControl(basename(path)))
  if (controls.length === 0) {
    throw new PginstallError('build_failed', 'the source installs no control file', {
      detail: `There is no extension: nothing like NAME.control came to "${home}".`,
    })
  }
  const extensions: Extension[] = []
  for (const file of controls) extensions.push(await readExtension(file, pg, fullName))
  await assignModules(staged, extensions, pg, parseFullName(fullName).short)
  const leftOut: string[] = []
  for (const file of staged) {
    const placed = extensions.filter((extension) => place(file, extension, extensions, pg))
    if (placed.length === 0) leftOut.push(file.path)
  }
  return { plans: extensions, leftOut }
}

async function readExtension(file: StagedFile, pg: PgConfig, fullName: string): Promise<Extension> {
  const name = basename(file.path, '.control')
  const control = parseControlFile(await readFile(file.source, 'utf8'), { file: basename(file.path), auxiliary: false })
  const { directory = 'extension' } = control
  return {
    fullName: parseFullName([...fullName.split('/').slice(0, -1), name].join('/')).full,
    name,
    control,
    files: [],
    scriptDirectory: isAbsolute(directory) ? directory : join(pg.sharedir, directory),
    modules: new Set(),
  }
}

/** Puts a file into an extension's archive; false when it has no place there. */
function place(file: StagedFile, extension: Extension, all: Extension[], pg: PgConfig): boolean {
  const found = locate(file.path, extension, pg)
  if (found === undefined) return false
  const owner = all.find(({ name }) => basename(file.path).startsWith(`${name}--`))
  const foreign = owner !== undefined && owner !== extension && found.kind !== 'doc'
  const unnamed = found.kind === 'module' && !extension.modules.has(file.path)
  const other = found.kind === 'control' && basename(file.path) !== `${extension.name}.control`
  if (foreign || unnamed || other) return false
  extension.files.push({ ...found, size: file.size, sha256: file.sha256, source: file.source })
  return true
}

/** Where a file of this installed path stands in the extension's archive. */
function locate(
  path: string,
  { name, scriptDirectory }: Extension,
  pg: PgConfig,
): { kind: FileKind; path: string } | undefined {
  const file = basename(path)
  const inside = (directory: string) =>
    path.startsWith(`${directory}/`) ? path.slice(directory.length + 1) : undefined
  const home = join(pg.sharedir, 'extension')
  if (dirname(path) === pg.pkglibdir && file.endsWith('.so')) return { kind: 'module', path: `${name}/${file}` }
  if (dirname(path) === home && isMainControl(file)) return { kind: 'control', path: file }
  const beside = inside(scriptDirectory) ?? inside(home)
  if (beside !== undefined) return { kind: kindBeside(beside), path: `${name}/${beside}` }
  const doc = inside(pg.docdir)
  if (doc !== undefined) return { kind: 'doc', path: `${name}/doc/${doc.replace(/^extension\//, '')}` }
  const shared = inside(pg.sharedir)
  if (shared !== undefined && inside(pg.localedir) === undefined)
    return { kind: 'data', path: `${name}/share/${shared}` }
  return undefined
}

function kindBeside(path: string): FileKind {
  if (path.includes('/')) return 'data'
  if (path.endsWith('.control')) return 'auxiliary_control'
  return path.endsWith('.sql') ? 'script' : 'data'
}

/** PostgreSQL takes a control file with `--` in its name for an auxiliary one. */
function isMainControl(file: string): boolean {
  return file.endsWith('.control') && !file.includes('--')
}

/**
 * With one extension all modules are its own. Else a module belongs to the extensions whose `module_pathname` or, failing
 * those, whose scripts name it, and one that nobody names to the extension the source is named for, or the first.
 */
async function assignModules(
  staged: StagedFile[],
  extensions: Extension[],
  pg: PgConfig,
  short: string,
): Promise<void> {
  const [first] = extensions
  const main = extensions.find(({ name }) => name === short) ?? first
  for (const { path } of staged.filter((file) => dirname(file.path) === pg.pkglibdir && file.path.endsWith('.so'))) {
    const module = basename(path, '.so')
    let owners = extensions.filter(({ control }) => moduleOf(control) === module)
    if (extensions.length === 1) owners = extensions
    if (owners.length === 0) owners = await extensionsWhoseScriptsName(module, staged, extensions)
    for (const owner of owners.length > 0 ? owners : [main]) owner?.modules.add(path)
  }
}

function moduleOf({ modulePathname }: ControlFile): string | undefined {
  return modulePathname === undefined ? undefined : basename(modulePathname, '.so')
}

async function extensionsWhoseScriptsName(
  module: string,
  staged: StagedFile[],
  extensions: Extension[],
): Promise<Extension[]> {
  const named = [`'${module}'`, `/${module}'`, `'${module}.so'`, `/${module}.so'`]
  const owners: Extension[] = []
  for (const extension of extensions) {
    const scripts = staged.filter(
      ({ path }) => path.endsWith('.sql') && path.startsWith(`${join(extension.scriptDirectory, extension.name)}--`),
    )
    for (const { source } of scripts) {
      const text = await readFile(source, 'utf8')
      if (!named.some((name) => text.includes(name))) continue
      owners.push(extension)
      break
    }
  }
  return owners
}
