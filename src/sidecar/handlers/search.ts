// Looks through the indexes as they stand on disk; nobody is asked anything.
import { newestFirst } from '../../model/index.ts'
import { checkPattern, matchesPattern } from '../../model/names.ts'
import { unmetNeeds } from '../../model/platform.ts'
import { judge, pinned } from '../../model/policy.ts'
import type { SearchRequest } from '../messages.ts'
import type { Reply, Service } from '../service.ts'

/** Rows at most. */
const maxRows = 1000
/** Of all rows: an answer fits into one message, of 1 MiB by protocol/README.md, with what stands around them. */
const maxRowsBytes = 1024 * 1024 - 1024

/** @throws PginstallError invalid_parameter_value for a pattern that could match nothing */
export async function search(
  { text, pattern = '**', installable: only = false, server }: SearchRequest,
  { machine: local, repositories, policy }: Pick<Service, 'machine' | 'repositories' | 'policy'>,
  { notify, signal }: Reply,
): Promise<{ extensions: object[] }> {
  const machine = await local.read(signal)
  const wanted = text.toLowerCase()
  // Without a slash it is one of short names.
  const byShortName = !checkPattern(pattern).includes('/')
  const rows: object[] = []
  let bytes = 0
  for (const repository of repositories) {
    for await (const { name, extensions } of repository.knownNames(signal)) {
      for (const { full_name, description, releases } of extensions) {
        const current = releases.filter(({ yanked }) => !yanked)
        const release = newestFirst(pinned(full_name, current, policy))[0]
        if (release === undefined || !matchesPattern(byShortName ? name : full_name, pattern)) continue
        if (!`${full_name}\n${description}`.toLowerCase().includes(wanted)) continue
        const installable =
          judge(full_name, anySuperuser, policy).allowed &&
          release.archives.some((archive) => unmetNeeds(archive, server, machine).length === 0)
        if (only && !installable) continue
        const { version } = release
        const row = { name, full_name, version, description, repository: repository.name, installable }
        bytes += Buffer.byteLength(JSON.stringify(row)) + 1
        if (rows.length === maxRows || bytes > maxRowsBytes) {
          notify(`there are more than the ${rows.length} extensions shown`)
          return { extensions: rows }
        }
        rows.push(row)
      }
    }
  }
  return { extensions: rows }
}

/** For what policy refuses everyone. */
const anySuperuser = { superuser: true, roles: [] }
