// Text search files of extensions: PostgreSQL reads them from its own directory alone, so an installation gets links to
// those in the store.
import { randomUUID } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { syncPath } from '../adapters/files.ts'
import type { PgConfig } from '../adapters/pg-config.ts'
import { PginstallError } from '../model/errors.ts'
import type { Step } from './plan.ts'

/** Files below `directory` that the installation has links to. */
export function linkedFiles(installation: PgConfig, directory: string): string[] {
  return ourLinks(installation, directory).map(({ file }) => file)
}

/**
 * Links to these files, in place of those to other versions, which are those that `isOwn`. What somebody else has put
 * there stays: the same content is as good as a link.
 * @throws PginstallError duplicate_object
 */
export function planLinks(
  files: string[],
  installation: PgConfig,
  directory: string,
  isOwn: (file: string) => boolean,
): Step[] {
  const ours = new Map(ourLinks(installation, directory).map((link) => [link.path, link.file]))
  return files.flatMap((file) => {
    const path = join(folderOf(installation), basename(file))
    const current = ours.get(path)
    const isFree = current === undefined ? lstatSync(path, { throwIfNoEntry: false }) === undefined : isOwn(current)
    if (current === file || (!isFree && isSameContent(path, file))) return []
    if (isFree) return [{ what: `link ${path} to ${file}`, run: () => placeLink(path, file, installation) }]
    throw new PginstallError('duplicate_object', `there is another text search file "${path}"`, {
      detail: `It has not the content of "${file}"${current === undefined ? '' : `, and leads to "${current}"`}.`,
      hint: 'Dictionaries may be using it: compare the two, and move it away if nothing needs it.',
    })
  })
}

/** Takes away the links to files that `isOwn`, which without it are all. */
export function planUnlinks(
  installation: PgConfig,
  directory: string,
  isOwn: (file: string) => boolean = () => true,
): Step[] {
  return ourLinks(installation, directory)
    .filter(({ file }) => isOwn(file))
    .map(({ path }) => ({
      what: `remove ${path}`,
      async run() {
        rmSync(path, { force: true })
        await syncPath(folderOf(installation))
      },
    }))
}

async function placeLink(path: string, file: string, installation: PgConfig): Promise<void> {
  const fresh = `${path}.${randomUUID()}.new`
  symlinkSync(file, fresh)
  renameSync(fresh, path)
  await syncPath(folderOf(installation))
}

/** Those too that a killed run has not renamed yet: they go with the others. */
function ourLinks(installation: PgConfig, directory: string): { path: string; file: string }[] {
  const folder = folderOf(installation)
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return []
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isSymbolicLink())
    .map(({ name }) => ({ path: join(folder, name), file: readlinkSync(join(folder, name)) }))
    .filter(({ file }) => file.startsWith(`${directory}/`))
}

/** What is in the store is a less privileged user's: no pipe, which would hold root up. */
function isSameContent(path: string, file: string): boolean {
  const areFiles = [path, file].every((one) => statSync(one, { throwIfNoEntry: false })?.isFile())
  return areFiles && readFileSync(path).equals(readFileSync(file))
}

function folderOf({ sharedir }: PgConfig): string {
  return join(sharedir, 'tsearch_data')
}
