// Looks through the indexes as they stand on disk; nobody is asked anything.
import { newestFirst } from '../../model/index.ts'
import { checkSearchPattern, matchesPattern } from '../../model/names.ts'
import { unmetNeeds } from '../../model/platform.ts'
import { judge, pinned } from '../../model/policy.ts'
import { type ReleaseSummary, summarizeReleases } from '../../model/release-summary.ts'
import type { SearchRequest } from '../messages.ts'
import type { Reply, Service } from '../service.ts'

/** Rows at most. */
const maxRows = 1000
/** Of all rows: an answer fits into one message, of 1 MiB by protocol/README.md, with what stands around them. */
const maxRowsBytes = 1024 * 1024 - 1024

/** Of the releases of an extension that was asked for by its name; of those, few answers have more than one. */
const maxReleasesBytes = 200 * 1024

type Where = Pick<Service, 'machine' | 'repositories' | 'policy'>
type Row = {
  name: string
  full_name: string
  version: string
  description: string
  repository: string
  /** Whether policy lets superusers at least have a version. */
  permitted: boolean
  installable: boolean
  releases?: ReleaseSummary[]
  more_releases?: number
}

/** @throws PginstallError invalid_parameter_value for a pattern that could match nothing */
export async function search(
  request: SearchRequest,
  where: Where,
  { notify, signal }: Reply,
): Promise<{ extensions: Row[]; more: number }> {
  const rows: Row[] = []
  let bytes = 0
  let more = 0
  for await (const row of findAll(request, where, signal)) {
    bytes += Buffer.byteLength(JSON.stringify(row)) + 1
    if (rows.length < maxRows && bytes <= maxRowsBytes) rows.push(row)
    else more++
  }
  if (more > 0) notify(`${more} extensions more than the ${rows.length} shown: narrow the words`)
  return { extensions: rows, more }
}

async function* findAll(
  { text, pattern = '**', installable: only = false, server }: SearchRequest,
  { machine: local, repositories, policy }: Where,
  signal: AbortSignal,
): AsyncGenerator<Row> {
  const here = { server, machine: await local.read(signal) }
  const wanted = text.toLowerCase()
  // Without a slash it is one of short names.
  const byShortName = !checkSearchPattern(pattern).includes('/')
  for (const repository of repositories) {
    for await (const { name, extensions } of repository.knownNames(signal)) {
      for (const { full_name, description, releases } of extensions) {
        const permitted = judge(full_name, anySuperuser, policy).allowed ? pinned(full_name, releases, policy) : []
        const newest = newestFirst(permitted).find(({ yanked }) => !yanked)
        // What policy leaves no version of is there all the same: else nobody learns that it is policy.
        const release = newest ?? newestFirst(releases).find(({ yanked }) => !yanked)
        if (release === undefined || !matchesPattern(byShortName ? name : full_name, pattern)) continue
        if (!`${full_name}\n${description}`.toLowerCase().includes(wanted)) continue
        const installable =
          newest !== undefined &&
          release.archives.some((archive) => unmetNeeds(archive, here.server, here.machine).length === 0)
        if (only && !installable) continue
        const { version } = release
        const row = {
          name,
          full_name,
          version,
          description,
          repository: repository.name,
          permitted: newest !== undefined,
          installable,
        }
        const isNamed = text === name || text === full_name
        if (!isNamed) yield row
        else {
          const { releases: shown, more } = summarizeReleases(releases, permitted, here, maxReleasesBytes)
          yield { ...row, releases: shown, more_releases: more }
        }
      }
    }
  }
}

/** For what policy refuses everyone. */
const anySuperuser = { superuser: true, roles: [] }
