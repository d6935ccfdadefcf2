// What the sidecar is and what it knows, for the function pginstall.status().
import { packageVersion } from '../../adapters/package-root.ts'
import type { Service } from '../service.ts'

export async function status({
  name,
  directory,
  repositories,
}: Pick<Service, 'name' | 'directory' | 'repositories'>): Promise<object> {
  const states = await Promise.all(
    repositories.map(async (repository) => {
      const known = await repository.known()
      return {
        name: repository.name,
        uri: repository.uri,
        index_version: known?.index.version ?? null,
        updated: known?.updated ?? null,
        // In one form: the 30th of February, say, is a date to us and none to PostgreSQL.
        expires: known === undefined ? null : new Date(known.index.expires).toISOString(),
      }
    }),
  )
  return { version: packageVersion(), target: name, directory, repositories: states }
}
