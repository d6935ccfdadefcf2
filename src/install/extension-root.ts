// Extension roots: for one request's closure, a directory that looks like a PostgreSQL installation and holds the control
// files that are wanted. The hook shows it to one statement. Immutable: its name is the digest of what it is made of.
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import { claim } from '../adapters/claims.ts'
import { syncPath, writeDurably } from '../adapters/files.ts'
import type { PgConfig } from '../adapters/pg-config.ts'
import { parseControlFile, relocateAuxiliaryControlFile, relocateControlFile } from '../model/control-file.ts'
import { PginstallError } from '../model/errors.ts'
import type { ModuleNames } from './module-links.ts'
import type { StoredArchive } from './store.ts'

/** `joined`: other versions of it, for update scripts that its own archive lacks. */
export type RootedExtension = { archive: StoredArchive; joined: StoredArchive[]; modules: ModuleNames }

export type ExtensionRoot = {
  /** PostgreSQL 13-17: what my_exec_path is to be, so that the server takes the root for its installation. */
  execPath: string
  /** PostgreSQL 18+: an element of extension_control_path. */
  controlPath: string
}

/** Changed whenever a root's layout changes, so that an upgraded sidecar does not take an old one for its own. */
const layout = 3

/**
 * The root for these extensions and for the system's extensions that they require, made unless it is there already.
 * @throws PginstallError undefined_file when the installation lacks a required extension; config_file_error
 */
export async function makeExtensionRoot(
  extensions: RootedExtension[],
  builtin: string[],
  options: { directory: string; work: string; installation: PgConfig },
): Promise<ExtensionRoot> {
  const { directory, work, installation } = options
  const plan = planOf(installation)
  const key = {
    layout,
    plan,
    builtin: builtin.toSorted(),
    extensions: extensions.map(({ archive, joined, modules }) => [
      [archive, ...joined].map(({ path }) => path),
      archive.trusted,
      modules,
    ]),
  }
  const root = join(directory, createHash('sha256').update(JSON.stringify(key)).digest('hex'))
  if (!claim(root)) {
    const fresh = join(work, `${randomUUID()}.root`)
    try {
      await fill(fresh, root, plan, extensions, builtin)
      await place(fresh, root)
    } finally {
      rmSync(fresh, { recursive: true, force: true })
    }
  }
  return { execPath: join(root, plan.bin, 'postgres'), controlPath: join(root, plan.share) }
}

/** Directories of an installation relative to the prefix they have in common with its programs. */
type Plan = { bin: string; share: string; realShare: string; locale: string; realLocale: string }

/** As make_relative_path() in src/port/path.c finds them: PostgreSQL replaces the tail of the program's directory. */
function planOf({ bindir, sharedir, localedir }: PgConfig): Plan {
  const prefix = commonDirectory([bindir, sharedir, localedir])
  return {
    bin: relative(prefix, bindir),
    share: relative(prefix, sharedir),
    realShare: sharedir,
    locale: relative(prefix, localedir),
    realLocale: localedir,
  }
}

function commonDirectory(paths: string[]): string {
  const [first = [], ...others] = paths.map((path) => path.split(sep))
  const differs = first.findIndex((part, i) => others.some((other) => other[i] !== part))
  return first.slice(0, differs === -1 ? first.length : differs).join(sep) || sep
}

/** `root` is where it will stand: control files name their scripts' directory by an absolute path. */
async function fill(
  fresh: string,
  root: string,
  plan: Plan,
  extensions: RootedExtension[],
  builtin: string[],
): Promise<void> {
  const extensionDirectory = join(fresh, plan.share, 'extension')
  for (const path of [join(fresh, plan.bin), extensionDirectory, dirname(join(fresh, plan.locale))]) {
    mkdirSync(path, { recursive: true, mode: 0o755 })
  }
  // Only directories: a server reads what is in them (time zones, text search); the files beside them are initdb's.
  for (const entry of readdirSync(plan.realShare)) {
    const path = join(plan.realShare, entry)
    if (entry !== 'extension' && isDirectory(path)) linkUnlessThere(path, join(fresh, plan.share, entry))
  }
  linkUnlessThere(plan.realLocale, join(fresh, plan.locale))
  for (const name of builtin) linkBuiltin(name, join(plan.realShare, 'extension'), extensionDirectory)
  for (const extension of extensions) await placeExtension(extension, fresh, root, extensionDirectory)
}

/** An extension that comes with PostgreSQL, which CASCADE may have to create. */
function linkBuiltin(name: string, from: string, to: string): void {
  const files = readdirSync(from).filter((file) => file === `${name}.control` || file.startsWith(`${name}--`))
  if (!files.includes(`${name}.control`)) {
    throw new PginstallError(
      'undefined_file',
      `required extension "${name}" does not come with this PostgreSQL installation`,
      {
        detail: `There is no ${join(from, `${name}.control`)}.`,
        hint: 'Install the contrib modules of this PostgreSQL version.',
      },
    )
  }
  for (const file of files) symlinkSync(join(from, file), join(to, file))
}

async function placeExtension(
  extension: RootedExtension,
  fresh: string,
  root: string,
  extensionDirectory: string,
): Promise<void> {
  const { archive, joined, modules } = extension
  const { name, path, trusted } = archive
  const scripts = join('scripts', name)
  mkdirSync(join(fresh, scripts), { recursive: true, mode: 0o755 })
  const main = readFileSync(join(path, `${name}.control`), 'utf8')
  const directory = join(root, scripts)
  const relocated = relocateControlFile(main, {
    directory,
    modulePathname: modulePathname(main, false, modules),
    trusted,
  })
  await writeDurably(join(extensionDirectory, `${name}.control`), relocated)
  for (const { source, file, kind } of [archive, ...joined].flatMap(filesBesideControl)) {
    const there = join(fresh, scripts, relative(name, file))
    // Of a file that several versions have, the wanted one's counts.
    if (existsSync(there)) continue
    mkdirSync(dirname(there), { recursive: true, mode: 0o755 })
    if (kind !== 'auxiliary_control') symlinkSync(source, there)
    else {
      const text = readFileSync(source, 'utf8')
      await writeDurably(
        there,
        relocateAuxiliaryControlFile(text, { modulePathname: modulePathname(text, true, modules), trusted }),
      )
    }
  }
}

function filesBesideControl({ manifest, path }: StoredArchive) {
  return manifest.files
    .filter(({ kind }) => kind !== 'control' && kind !== 'module' && kind !== 'doc')
    .map(({ path: file, kind }) => ({ source: join(path, file), file, kind }))
}

/**
 * What MODULE_PATHNAME in the scripts stands for: the unique name of the module that the publisher meant, or a module of
 * the server's own. A path is no module name: with null, the script fails instead of loading whatever is there.
 */
function modulePathname(text: string, auxiliary: boolean, modules: ModuleNames): string | null {
  const said = parseControlFile(text, { file: 'control file', auxiliary }).modulePathname
  const module = basename(said ?? '', '.so')
  if (Object.hasOwn(modules, module)) return modules[module] ?? null
  if (said === undefined) return null
  return /^\$libdir\/[A-Za-z0-9_.+-]+$/.test(said) && !said.includes('..') ? said : null
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

function linkUnlessThere(target: string, path: string): void {
  if (!existsSync(path)) symlinkSync(target, path)
}

async function place(fresh: string, root: string): Promise<void> {
  try {
    renameSync(fresh, root)
  } catch (cause) {
    // Another request was faster, with the same content.
    if (!existsSync(root)) throw cause
  }
  await syncPath(dirname(root))
}
