// Module links: under a bare name that is unique by provider, the newest module that the target needs, from the store.
// That directory is the last in dynamic_library_path.
import { randomUUID } from 'node:crypto'
import { readlinkSync, renameSync, symlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { makeDirectory, syncPath } from '../adapters/files.ts'
import { uniqueModuleName } from '../model/names.ts'
import { compareVersions } from '../model/version-order.ts'
import type { StoredArchive } from './store.ts'

/** Module as scripts name it: the bare name under which the server finds it. */
export type ModuleNames = Record<string, string>

/**
 * Links the archive's modules. One module serves every SQL version of its extension (PostgreSQL's contract), so the
 * link follows the newest version and never goes back by itself. It is replaced in one step: a session that has the
 * old module mapped keeps it. `work` takes the new one before. Other databases use the link too, so without `mayReplace`
 * one that is there stays: PostgreSQL may still refuse whoever asked.
 */
export async function linkModules(
  archive: StoredArchive,
  { directory, work, mayReplace }: { directory: string; work: string; mayReplace: boolean },
): Promise<ModuleNames> {
  const names: ModuleNames = {}
  makeDirectory(directory)
  for (const module of archive.manifest.modules) {
    const name = uniqueModuleName(module, archive.fullName)
    const link = join(directory, `${name}.so`)
    const wanted = join(archive.path, archive.name, `${module}.so`)
    const current = targetOf(link)
    if (current === undefined || (mayReplace && current !== wanted && !isNewer(current, archive.version))) {
      makeDirectory(work)
      const fresh = join(work, `${randomUUID()}.so`)
      symlinkSync(wanted, fresh)
      renameSync(fresh, link)
      await syncPath(directory)
    }
    names[module] = name
  }
  return names
}

function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link)
  } catch {
    return undefined
  }
}

/** A link's target is …/FULL+NAME/VERSION/DIGEST/NAME/MODULE.so. */
function isNewer(target: string, version: string): boolean {
  return compareVersions(basename(dirname(dirname(dirname(target)))), version) > 0
}
