// /list/…: extensions, versions and update paths, for people and tools.
import type { FastifyInstance } from 'fastify'
import type { PublishedArchive } from '../../repository/archives.ts'
import { defaultVersion, listExtensions, listUpdates, listVersions } from '../../repository/listings.ts'
import { addOperation } from '../openapi.ts'
import { archiveUri, type Services } from '../services.ts'

type ByName = { Params: { extension: string } }

export function addListRoutes(server: FastifyInstance, services: Services): void {
  const { database, authenticate } = services
  addOperation(server, 'listExtensions', authenticate, async () => ({ extensions: await listExtensions(database) }))
  addOperation<ByName>(server, 'listVersions', authenticate, async ({ params }) => {
    const { extension, releases } = await listVersions(database, params.extension)
    const { full_name, short_name, description } = extension
    const versions = releases.map(({ version, yanked, archives }) => ({
      version,
      yanked,
      archives: archives.map((archive) => describeArchive(services, archive)),
    }))
    return { full_name, short_name, description, default_version: defaultVersion(releases), versions }
  })
  addOperation<ByName>(server, 'listUpdates', authenticate, async ({ params }) => {
    const { extension, updates } = await listUpdates(database, params.extension)
    return { full_name: extension.full_name, short_name: extension.short_name, updates }
  })
}

function describeArchive(services: Services, archive: PublishedArchive) {
  const { file, major, platform, build, size, sha256, uploaded_at } = archive
  return {
    file,
    uri: archiveUri(services, archive),
    pg: major,
    platform,
    build,
    size,
    sha256,
    uploaded_at: uploaded_at.toISOString(),
  }
}
