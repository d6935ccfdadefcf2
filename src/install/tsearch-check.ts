// Text search files: whether the server finds those of an extension, before its script fails for want of one.
import { readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { PgConfig } from '../adapters/pg-config.ts'
import { PginstallError, type Warning } from '../model/errors.ts'
import { tsearchFiles } from '../model/tsearch-files.ts'
import type { StoredArchive } from './store.ts'

/**
 * A file that is there with other content may be meant so, or be a link to an older version's: a warning.
 * @throws PginstallError undefined_file when one is missing
 */
export function checkTsearchFiles(
  { fullName, name, path, manifest }: StoredArchive,
  { sharedir }: PgConfig,
  target: string,
): Warning[] {
  const folder = join(sharedir, 'tsearch_data')
  const files = tsearchFiles(manifest).map((file) => ({ own: join(path, file), there: join(folder, basename(file)) }))
  const missing = files.filter(({ there }) => !statSync(there, { throwIfNoEntry: false })?.isFile())
  const link = `"pginstall tsearch link ${fullName} --target ${target}" as root on the server's machine`
  const enumerate = (some: typeof files) => some.map(({ own }) => `"${basename(own)}"`).join(', ')
  if (missing.length > 0) {
    throw new PginstallError(
      'undefined_file',
      `extension "${name}" has text search files that the server does not find`,
      {
        detail: `In "${folder}", which is the only place that it looks into, there is no ${enumerate(missing)}.`,
        hint: `Type ${link}, then repeat the statement.`,
      },
    )
  }
  const others = files.filter(({ own, there }) => !readFileSync(own).equals(readFileSync(there)))
  if (others.length === 0) return []
  return [
    {
      message: `the server has other text search files than version "${manifest.version}" of extension "${name}"`,
      detail: `In "${folder}", these have another content: ${enumerate(others)}.`,
      hint: `If they are not meant to be so, type ${link}.`,
    },
  ]
}
