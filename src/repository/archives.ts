// Published archives as the database has them.
import type { Queryable } from '../adapters/database.ts'
import type { Manifest } from '../model/manifest.ts'
import { compareVersions } from '../model/version-order.ts'
import { queries } from './queries.ts'

export type PublishedArchive = {
  extension_id: number
  version: string
  yanked: boolean
  /** File name, which is the identity. */
  file: string
  /** Null, like `platform`, in an SQL-only archive. */
  major: number | null
  platform: string | null
  build: number
  sha256: string
  /** Bytes. */
  size: number
  manifest: Manifest
  uploaded_at: Date
}

export type PublishedRelease = { version: string; yanked: boolean; archives: PublishedArchive[] }

/** What an archive's content address leads to. */
export type ArchiveFile = { file: string; sha256: string; size: number }

/** All archives of some extensions, by release, newest first. */
export async function listReleases(
  database: Queryable,
  extensionIds: number[],
): Promise<Map<number, PublishedRelease[]>> {
  const archives = await database.query<PublishedArchive>(queries['list-archives-of-extensions'], [extensionIds])
  const byExtension = Map.groupBy(archives, ({ extension_id }) => extension_id)
  return new Map(extensionIds.map((id) => [id, groupByRelease(byExtension.get(id) ?? [])]))
}

export async function findArchiveFile(database: Queryable, file: string): Promise<ArchiveFile | undefined> {
  const [found] = await database.query<ArchiveFile>(queries['find-archive-by-file'], [file])
  return found
}

function groupByRelease(archives: PublishedArchive[]): PublishedRelease[] {
  return [...Map.groupBy(archives, ({ version }) => version)]
    .map(([version, ofVersion]) => ({ version, yanked: ofVersion.some(({ yanked }) => yanked), archives: ofVersion }))
    .toSorted((a, b) => compareVersions(b.version, a.version))
}
