// preload: from what is typed to modules, and from a module to the plain name that the server will find it by.
import { readFileSync } from 'node:fs'
import { findLibrary } from '../../cluster/preload.ts'
import { isSameFile, type LinkedModule, linkDirectory, linkFile } from '../../install/links.ts'
import { holderOfPlainName, isPreloaded, setPlainName } from '../../install/plain-names.ts'
import { PginstallError } from '../../model/errors.ts'
import { wantsPreload } from '../../model/module-traits.ts'
import { parseExtensionName } from '../../model/names.ts'
import type { PreloadScene } from './scene.ts'

/** Whether an entry of the setting is this module, by its unique name, or by its plain one if it has that. */
export function isEntryOf({ directory }: PreloadScene, { module, fullName }: LinkedModule, entry: string): boolean {
  return isPreloaded(module, fullName, { directory, preloaded: [entry] })
}

export function wantsToBePreloaded({ path }: LinkedModule): boolean {
  return wantsPreload(readFileSync(path, 'latin1'))
}

/**
 * The modules of an extension that want to be preloaded; all of them when none does, which is the administrator's to say.
 * @throws PginstallError undefined_extension, ambiguous_extension, invalid_name
 */
export function findModules(links: LinkedModule[], text: string): LinkedModule[] {
  const name = parseExtensionName(text)
  const found = links.filter(({ fullName }) =>
    name.kind === 'full' ? fullName === name.full : fullName.endsWith(`/${name.short}`),
  )
  const providers = [...new Set(found.map(({ fullName }) => fullName))]
  if (providers.length === 0) {
    throw new PginstallError('undefined_extension', `extension "${text}" has no module on this machine`, {
      hint: 'Fetch it with CREATE EXTENSION, which may fail for want of preloading, and type the same again.',
    })
  }
  if (providers.length > 1) {
    throw new PginstallError('ambiguous_extension', `extension short name "${text}" matches several providers`, {
      detail: `Modules of these are on this machine: ${providers.join(', ')}.`,
      hint: 'Use the full name.',
    })
  }
  const wanting = found.filter(wantsToBePreloaded)
  return wanting.length > 0 ? wanting : found
}

/**
 * Gives a module its plain name, and makes sure that the server finds it by that, and nothing else.
 * @throws PginstallError duplicate_object, undefined_file
 */
export async function giveName(scene: PreloadScene, found: LinkedModule): Promise<void> {
  const { cluster, directory, preloading, relink } = scene
  const { module, fullName } = found
  const { pkglibdir } = cluster.installation
  const holder = holderOfPlainName(module, fullName, { directory, pkglibdir })
  const isUsed = [...preloading.libraries, ...(preloading.running ?? [])].includes(module)
  if (holder !== undefined && (isUsed || holder.startsWith('/'))) {
    throw new PginstallError('duplicate_object', `module name "${module}" is taken by "${holder}"`, {
      detail: 'A server has one module of a plain name, and background workers name theirs by it.',
      hint: holder.startsWith('/')
        ? 'Preload that one, or remove the package that it belongs to.'
        : `First type: pginstall preload remove ${holder}; and restart the server.`,
    })
  }
  const plain = linkFile(linkDirectory(directory), module)
  if (!isSameFile(plain, found.path)) await relink((work) => setPlainName(found, { directory, work }))
  const library = await findLibrary(module, preloading.path, pkglibdir)
  if (library !== undefined && isSameFile(library, found.path)) return
  throw new PginstallError('undefined_file', `the server would not find module "${module}" of "${fullName}"`, {
    detail:
      library === undefined
        ? `It is in no directory of dynamic_library_path, which is "${preloading.path}".`
        : `dynamic_library_path is "${preloading.path}", where "${library}" comes first.`,
    hint: `dynamic_library_path must have "${linkDirectory(directory)}", and no other directory before it a module of that name.`,
  })
}
