// The repository's index: what sidecars resolve names from. Pure documents; signing and checking are in signature.ts.
import schema from '../../protocol/index.schema.json' with { type: 'json' }
// Its definitions are referred to by the index's.
import manifestSchema from '../../protocol/manifest.schema.json' with { type: 'json' }
import { type ArchiveIdentity, formatIdentity, targetOf } from './archive-identity.ts'
import { PginstallError } from './errors.ts'
import { checkRequirement, type Requirement } from './manifest.ts'
import { checkVersion, parseFullName } from './names.ts'
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
/**
 * Longest signed file that is taken, bytes. It is parsed as a whole: 80,000 names fit, and take 100 MB for half a second;
 * 64 MiB took 700 MB for four.
 */
export const maxTopIndexBytes = 8 * 1024 * 1024
/** Longest file of one short name that is taken, bytes. */
export const maxNameIndexBytes = 4 * 1024 * 1024
/** How long one file of an index may take to come: a repository that drips holds nobody up. */
export const indexTimeLimitMs = 60_000
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

/**
 * Everything in it that becomes part of a path or a URL obeys the grammar afterwards: a signature says who wrote it, not
 * that it is sound.
 * @throws PginstallError syntax_error, invalid_name, name_too_long, verification_failed
 */
export function parseNameIndex(text: string): NameIndex {
  const index = nameShape(parseJson(text, 'index of a name'))
  for (const { full_name, releases } of index.extensions) {
    const { short } = parseFullName(full_name)
    if (short !== index.name) throw lie(`it has "${full_name}" under the name "${index.name}"`)
    for (const { version, archives } of releases) {
      for (const archive of archives) checkArchive(full_name, version, archive)
    }
  }
  return index
}

function checkArchive(fullName: string, version: string, archive: IndexedArchive): void {
  const { postgresql, os, needs, build, requires } = archive
  for (const requirement of requires) checkRequirement(requirement)
  const identity: ArchiveIdentity = {
    fullName,
    version: checkVersion(version),
    target: targetOf({ postgresql, os, needs }),
    build,
  }
  if (formatIdentity(identity) !== archive.file)
    throw lie(`the archive "${archive.file}" should be "${formatIdentity(identity)}"`)
}

function lie(fault: string): PginstallError {
  return new PginstallError('verification_failed', `index does not hold: ${fault}`)
}

/** Releases, newest first. */
export function newestFirst(releases: Release[]): Release[] {
  return releases.toSorted((a, b) => compareVersions(b.version, a.version))
}
