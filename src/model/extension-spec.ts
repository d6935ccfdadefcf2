// An extension as a command line names it: EXTENSION or EXTENSION=VERSION. Neither names nor versions have a "=".
import { checkVersion, type ExtensionName, parseExtensionName } from './names.ts'

export type ExtensionSpec = {
  /** As it was given, without the version. */
  text: string
  name: ExtensionName
  version: string | undefined
}

/** @throws PginstallError invalid_name, name_too_long */
export function parseExtensionSpec(text: string): ExtensionSpec {
  const at = text.indexOf('=')
  const name = at === -1 ? text : text.slice(0, at)
  return {
    text: name,
    name: parseExtensionName(name),
    version: at === -1 ? undefined : checkVersion(text.slice(at + 1)),
  }
}

/** An SQL identifier, quoted. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** An SQL string constant, good whatever standard_conforming_strings says: names and versions have no backslash. */
export function quoteVersion(version: string): string {
  return `'${checkVersion(version)}'`
}
