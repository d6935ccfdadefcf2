// From an extension name, short or full, to the one extension it means here.
import type { Queryable } from '../adapters/database.ts'
import { PginstallError } from '../model/errors.ts'
import { parseExtensionName } from '../model/names.ts'
import { queries } from './queries.ts'

export type Extension = { id: number; full_name: string; short_name: string; description: string }

/** A short name with several providers; never settled by us. */
export class AmbiguousExtensionError extends PginstallError {
  /** Full names. */
  readonly candidates: string[]

  constructor(short: string, candidates: string[]) {
    const quoted = candidates.map((name) => `"${name}"`)
    super('ambiguous_extension', `extension short name "${short}" matches several providers`, {
      detail: `The extensions ${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)} match the short name "${short}".`,
      hint: 'Please use the full name of the extension you want to install.',
    })
    this.candidates = candidates
  }
}

/** @throws PginstallError invalid_name, name_too_long, undefined_extension; AmbiguousExtensionError */
export async function findExtension(database: Queryable, text: string): Promise<Extension> {
  const name = parseExtensionName(text)
  const found =
    name.kind === 'full'
      ? await database.query<Extension>(queries['find-extension-by-full-name'], [name.full])
      : await database.query<Extension>(queries['find-extensions-by-short-name'], [name.short])
  const [extension, ...others] = found
  if (extension === undefined) throw unknown(text)
  if (others.length > 0)
    throw new AmbiguousExtensionError(
      name.short,
      found.map(({ full_name }) => full_name),
    )
  if (name.kind === 'full' && extension.full_name !== name.full)
    throw unknown(text, `Did you mean "${extension.full_name}"?`)
  return extension
}

function unknown(text: string, hint?: string): PginstallError {
  return new PginstallError(
    'undefined_extension',
    `extension "${text}" is not in this repository`,
    hint === undefined ? {} : { hint },
  )
}
