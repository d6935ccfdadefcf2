// What whoever creates an extension is told whose modules want shared_preload_libraries.
import { readFileSync } from 'node:fs'
import type { Warning } from '../model/errors.ts'
import { wantsPreload } from '../model/module-traits.ts'
import { type LinkOptions, moduleFile } from './links.ts'
import { holderOfPlainName, isPreloaded } from './plain-names.ts'
import type { StoredArchive } from './store.ts'

/** One warning for each module that wants to be preloaded and is not; `target` names the cluster in what is to be typed. */
export function adviseOnPreload(archive: StoredArchive, options: LinkOptions, target: string): Warning[] {
  const { fullName, name, manifest } = archive
  if (!manifest.preload) return []
  return manifest.modules
    .filter((module) => wantsPreload(readFileSync(moduleFile(archive, module), 'latin1')))
    .filter((module) => !isPreloaded(module, fullName, options))
    .map((module) => {
      const holder = holderOfPlainName(module, fullName, options)
      return {
        message: `extension "${name}" wants its module "${module}" in shared_preload_libraries`,
        detail:
          'Until the server has been started with it, the extension works in part or not at all.' +
          (holder === undefined ? '' : ` The module's name is taken by "${holder}".`),
        hint:
          holder === undefined
            ? `Type "pginstall preload add ${fullName} --target ${target}" on the server's machine, then restart the server.`
            : 'A server can have one module of a name preloaded: use that one, or remove it.',
      }
    })
}
