// What is told of the releases of one extension: what each of their archives needs, and why it does not run here.
import { type IndexedArchive, newestFirst, type Release } from './index.ts'
import { formatVersionNum, type Machine, type RunningServer, unmetNeeds } from './platform.ts'

export type ReleaseSummary = {
  version: string
  yanked: boolean
  /** Whether policy lets it through, a superuser's at least. */
  permitted: boolean
  /** Whether one of its archives runs here. */
  installable: boolean
  archives: {
    file: string
    /** Bytes. */
    size: number
    /** The server that it was built against, at least; null for all of them. */
    postgresql: string | null
    architecture: string | null
    /** Shared libraries. */
    libraries: string[]
    /** Extensions. */
    requires: string[]
    /** Why it does not run here, as sentences; empty when it does. */
    unmet: string[]
  }[]
}

/** Newest first, as many as have room in so many bytes of JSON; `more` is how many have not. */
export function summarizeReleases(
  releases: Release[],
  permitted: Release[],
  here: { server: RunningServer; machine: Machine },
  maxBytes: number,
): { releases: ReleaseSummary[]; more: number } {
  const shown: ReleaseSummary[] = []
  let bytes = 0
  for (const release of newestFirst(releases)) {
    const { version, yanked } = release
    const archives = release.archives.map((archive) => summarizeArchive(archive, here))
    const installable = archives.some(({ unmet }) => unmet.length === 0)
    const summary = { version, yanked, permitted: permitted.includes(release), installable, archives }
    bytes += Buffer.byteLength(JSON.stringify(summary)) + 1
    if (bytes > maxBytes) break
    shown.push(summary)
  }
  return { releases: shown, more: releases.length - shown.length }
}

function summarizeArchive(
  archive: IndexedArchive,
  { server, machine }: { server: RunningServer; machine: Machine },
): ReleaseSummary['archives'][number] {
  const { file, size, postgresql, needs, requires } = archive
  return {
    file,
    size,
    postgresql: postgresql && formatVersionNum(postgresql.version_num),
    architecture: needs?.architecture ?? null,
    libraries: needs === null ? [] : needs.libraries.map(({ soname }) => soname),
    requires: requires.map(({ name }) => name),
    unmet: unmetNeeds(archive, server, machine),
  }
}
