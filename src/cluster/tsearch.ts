// Text search files of extensions: PostgreSQL reads them from its own directory alone, so an installation gets links to
// those in the store.
import { randomUUID } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { syncPath } from '../adapters/files.ts'
import type { PgConfig } from '../adapters/pg-config.ts'
import { PginstallError } from '../model/errors.ts'
import type { Step } from './plan.ts'

export function tsearchDirectory({ sharedir }: PgConfig): string {
  return join(sharedir, 'tsearch_data')
}

/** Files below `directory` that the installation has links to. */
export function linkedFiles(installation: PgConfig, directory: string): string[] {
  return ourLinks(installation, directory).map(({ file }) => file)
}

/**
 * Links for these files, in place of those of ours that lead elsewhere. What somebody else has put there stays: the same
 * content is as good as a link.
 * @throws PginstallError duplicate_object
 */
export function planLinks(files: string[], installation: PgConfig, directory: string): Step[] {
  const ours = new Map(ourLinks(installation, directory).map((link) => [link.path, link.file]))
  return files.flatMap((file) => {
    const path = join(tsearchDirectory(installation), basename(file))
    const current = ours.get(path)
    if (current === file) return []
    const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined
    if (isThere && current === undefined) {
      if (isSameContent(path, file)) return []
      throw new PginstallError('duplicate_object', `text search file "${path}" is somebody else's`, {
        detail: `It is another one than ${file}, and dictionaries may be using it.`,
        hint: 'Compare the two; move it away only if nothing needs it.',
      })
    }
    return [{ what: `link ${path} to ${file}`, run: () => placeLink(path, file) }]
  })
}

/** Takes away the links to these files, or all that lead below `directory`. */
export function planUnlinks(installation: PgConfig, directory: string, files?: string[]): Step[] {
  return ourLinks(installation, directory)
    .filter(({ file }) => files === undefined || files.includes(file))
    .map(({ path }) => ({
      what: `remove ${path}`,
      async run() {
        rmSync(path, { force: true })
        await syncPath(tsearchDirectory(installation))
      },
    }))
}

async function placeLink(path: string, file: string): Promise<void> {
  const fresh = `${path}.${randomUUID()}.new`
  symlinkSync(file, fresh)
  renameSync(fresh, path)
  await syncPath(join(path, '..'))
}

function ourLinks(installation: PgConfig, directory: string): { path: string; file: string }[] {
  const folder = tsearchDirectory(installation)
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return []
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isSymbolicLink())
    .map(({ name }) => ({ path: join(folder, name), file: readlinkSync(join(folder, name)) }))
    .filter(({ file }) => file.startsWith(`${directory}/`))
}

function isSameContent(path: string, file: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true && readFileSync(path).equals(readFileSync(file))
}
