// Which archive of a release somebody means who says no more than a PostgreSQL major and a platform.
import { PginstallError } from '../model/errors.ts'
import type { PublishedArchive, PublishedRelease } from './archives.ts'

/** What is not said matches everything. */
export type Wanted = { major?: number | undefined; platform?: string | undefined }

type Target = Pick<PublishedArchive, 'major' | 'platform'>

/**
 * The newest build of the one target that fits. An SQL-only archive fits everything.
 * @throws PginstallError undefined_extension, no_suitable_archive
 */
export function selectArchive(
  extension: string,
  releases: PublishedRelease[],
  version: string,
  wanted: Wanted,
): PublishedArchive {
  const release = releases.find((candidate) => candidate.version === version)
  if (release === undefined) {
    throw new PginstallError(
      'undefined_extension',
      `extension "${extension}" has no version "${version}" in this repository`,
      {
        detail: `Its versions are: ${releases.map((known) => known.version).join(', ') || 'none'}.`,
      },
    )
  }
  const what = `extension "${extension}" version "${version}"`
  const fitting = release.archives.filter((archive) => fits(archive, wanted))
  const targets = describeTargets(fitting)
  if (targets.length > 1) {
    throw new PginstallError('no_suitable_archive', `${what} has archives for several targets`, {
      detail: `They are for: ${targets.join('; ')}.`,
      hint: 'Say which one with the parameters pg and platform, such as ?pg=15&platform=debian12-x86_64.',
    })
  }
  const newest = fitting.toSorted((a, b) => b.build - a.build)[0]
  if (newest === undefined) {
    throw new PginstallError('no_suitable_archive', `${what} has no archive for ${describeWanted(wanted)}`, {
      detail: `There are archives for: ${describeTargets(release.archives).join('; ')}.`,
    })
  }
  return newest
}

function fits({ major, platform }: Target, wanted: Wanted): boolean {
  if (major === null) return true
  return (wanted.major ?? major) === major && (wanted.platform ?? platform) === platform
}

function describeTargets(archives: Target[]): string[] {
  return [...new Set(archives.map(describeTarget))].sort()
}

function describeTarget({ major, platform }: Target): string {
  return major === null ? 'any PostgreSQL and platform' : `PostgreSQL ${major} on ${platform}`
}

function describeWanted({ major, platform }: Wanted): string {
  return [...(major === undefined ? [] : [`PostgreSQL ${major}`]), ...(platform === undefined ? [] : [platform])].join(
    ' on ',
  )
}
