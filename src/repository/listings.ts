// What the repository tells people and tools: its extensions, and the versions and update paths of each.
import type { Queryable } from '../adapters/database.ts'
import { compareVersions } from '../model/version-order.ts'
import { listReleases, type PublishedRelease } from './archives.ts'
import { type Extension, findExtension } from './find-extension.ts'
import { queries } from './queries.ts'

export type ListedExtension = {
  full_name: string
  short_name: string
  description: string
  /** Of the newest release that is not yanked; null when all are. */
  default_version: string | null
}

/** An update script, and the releases whose archives have it. */
export type UpdatePath = { from: string; to: string; versions: string[] }

export type Counts = { extensions: number; releases: number; archives: number }

type ExtensionWithReleases = Omit<ListedExtension, 'default_version'> & {
  releases: { version: string; yanked: boolean }[]
}

export async function listExtensions(database: Queryable): Promise<ListedExtension[]> {
  const extensions = await database.query<ExtensionWithReleases>(queries['list-extensions'])
  return extensions.map(({ releases, ...extension }) => ({
    ...extension,
    default_version: defaultVersion(releases),
  }))
}

/** @throws PginstallError invalid_name, name_too_long, undefined_extension; AmbiguousExtensionError */
export async function listVersions(
  database: Queryable,
  name: string,
): Promise<{ extension: Extension; releases: PublishedRelease[] }> {
  const extension = await findExtension(database, name)
  const releases = await listReleases(database, [extension.id])
  return { extension, releases: releases.get(extension.id) ?? [] }
}

/**
 * All update paths, of all releases.
 * @throws PginstallError as listVersions
 */
export async function listUpdates(
  database: Queryable,
  name: string,
): Promise<{ extension: Extension; updates: UpdatePath[] }> {
  const { extension, releases } = await listVersions(database, name)
  const paths = new Map<string, UpdatePath>()
  for (const { version, archives } of releases) {
    for (const [from, to] of archives.flatMap(({ manifest }) => manifest.updates)) {
      const path = paths.get(`${from}--${to}`) ?? { from, to, versions: [] }
      if (!path.versions.includes(version)) path.versions.push(version)
      paths.set(`${from}--${to}`, path)
    }
  }
  const updates = [...paths.values()].toSorted((a, b) => compareVersions(a.from, b.from) || compareVersions(a.to, b.to))
  return { extension, updates }
}

export async function countEverything(database: Queryable): Promise<Counts> {
  const [counts] = await database.query<Counts>(queries['count-everything'])
  return counts ?? { extensions: 0, releases: 0, archives: 0 }
}

export function defaultVersion(releases: { version: string; yanked: boolean }[]): string | null {
  const candidates = releases.filter(({ yanked }) => !yanked).toSorted((a, b) => compareVersions(b.version, a.version))
  return candidates[0]?.version ?? null
}
