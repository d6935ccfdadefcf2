// The repository's index: what sidecars resolve names from. Pure documents; signing and checking are in signature.ts.
import schema from '../../protocol/index.schema.json' with { type: 'json' }
// Its definitions are referred to by the index's.
import manifestSchema from '../../protocol/manifest.schema.json' with { type: 'json' }
import type { Requirement } from './manifest.ts'
import type { BuiltAgainst, Needs } from './platform.ts'
import { parseJson, schemaParser } from './schema.ts'
import { compareVersions } from './version-order.ts'

export type TopIndex = {
  index: 1
  /** Grows with every publication. */
  version: number
  /** RFC 3339, UTC. */
  published: string
  expires: string
  /** Short name: SHA-256 of the bytes of its NameIndex, hex. */
  names: Record<string, string>
}

export type NameIndex = { index: 1; name: string; extensions: IndexedExtension[] }

export type IndexedExtension = { full_name: string; description: string; releases: Release[] }

export type Release = { version: string; yanked: boolean; archives: IndexedArchive[] }

export type IndexedArchive = {
  /** File name, which is the identity. */
  file: string
  build: number
  /** Bytes. */
  size: number
  sha256: string
  postgresql: BuiltAgainst | null
  os: string | null
  needs: Needs | null
  requires: Requirement[]
}

/** Where a repository has its index and archives, below its URI. */
export const topIndexPath = 'index/current.json'
export function nameIndexPath(sha256: string): string {
  return `index/${sha256}.json`
}
export function archivePath(sha256: string, file: string): string {
  return `archives/${sha256}/${file}`
}

schemaParser(manifestSchema, 'manifest')
const topShape = schemaParser<TopIndex>(schema, 'index', '#/definitions/top')
const nameShape = schemaParser<NameIndex>(schema, 'index', '#/definitions/name')

/** @throws PginstallError syntax_error */
export function parseTopIndex(text: string): TopIndex {
  return topShape(parseJson(text, 'index'))
}

/** @throws PginstallError syntax_error */
export function parseNameIndex(text: string): NameIndex {
  return nameShape(parseJson(text, 'index of a name'))
}

/** Releases, newest first. */
export function newestFirst(releases: Release[]): Release[] {
  return releases.toSorted((a, b) => compareVersions(b.version, a.version))
}
