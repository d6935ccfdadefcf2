// Looks through the indexes as they stand on disk; nobody is asked anything.
import { newestFirst } from '../../model/index.ts'
import { unmetNeeds } from '../../model/platform.ts'
import type { SearchRequest } from '../messages.ts'
import type { Reply, Service } from '../service.ts'

/** Rows at most: an answer fits into one message. */
const maxRows = 1000

export async function search({ text, server }: SearchRequest, service: Service, { signal }: Reply): Promise<object> {
  const machine = await service.machine.read(signal)
  const wanted = text.toLowerCase()
  const rows = []
  for (const repository of service.repositories) {
    for (const { name, extensions } of await repository.knownNames()) {
      for (const { full_name, description, releases } of extensions) {
        const release = newestFirst(releases).find(({ yanked }) => !yanked)
        if (release === undefined || !`${full_name}\n${description}`.toLowerCase().includes(wanted)) continue
        const installable = release.archives.some((archive) => unmetNeeds(archive, server, machine).length === 0)
        rows.push({ name, full_name, version: release.version, description, repository: repository.name, installable })
      }
    }
  }
  return { extensions: rows.slice(0, maxRows) }
}
