// Looks through the indexes as they stand on disk; nobody is asked anything.
import { newestFirst } from '../../model/index.ts'
import { unmetNeeds } from '../../model/platform.ts'
import { pinned } from '../../model/policy.ts'
import type { SearchRequest } from '../messages.ts'
import type { Reply, Service } from '../service.ts'

/** Rows at most. */
const maxRows = 1000
/** Of all rows: an answer fits into one message, of 1 MiB by protocol/README.md, with what stands around them. */
const maxRowsBytes = 1024 * 1024 - 1024

export async function search(
  { text, server }: SearchRequest,
  service: Pick<Service, 'machine' | 'repositories' | 'policy'>,
  { signal }: Pick<Reply, 'signal'>,
): Promise<{ extensions: object[] }> {
  const machine = await service.machine.read(signal)
  const wanted = text.toLowerCase()
  const rows: object[] = []
  let bytes = 0
  for (const repository of service.repositories) {
    for await (const { name, extensions } of repository.knownNames(signal)) {
      for (const { full_name, description, releases } of extensions) {
        const current = releases.filter(({ yanked }) => !yanked)
        const release = newestFirst(pinned(full_name, current, service.policy))[0]
        if (release === undefined || !`${full_name}\n${description}`.toLowerCase().includes(wanted)) continue
        const installable = release.archives.some((archive) => unmetNeeds(archive, server, machine).length === 0)
        const { version } = release
        const row = { name, full_name, version, description, repository: repository.name, installable }
        bytes += Buffer.byteLength(JSON.stringify(row)) + 1
        if (rows.length === maxRows || bytes > maxRowsBytes) return { extensions: rows }
        rows.push(row)
      }
    }
  }
  return { extensions: rows }
}
