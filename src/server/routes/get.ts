// /get/EXTENSION/VERSION: from names that people know to an archive's content address.
import type { FastifyInstance } from 'fastify'
import { checkVersion } from '../../model/names.ts'
import { listVersions } from '../../repository/listings.ts'
import { selectArchive } from '../../repository/select-archive.ts'
import { addOperation } from '../openapi.ts'
import { archiveUri, type Services } from '../services.ts'

type ByVersion = { Params: { extension: string; version: string }; Querystring: { pg?: number; platform?: string } }

export function addGetRoutes(server: FastifyInstance, services: Services): void {
  addOperation<ByVersion>(server, 'getArchive', services.authenticate, async ({ params, query }, reply) => {
    const version = checkVersion(params.version)
    const { extension, releases } = await listVersions(services.database, params.extension)
    const archive = selectArchive(extension.full_name, releases, version, { major: query.pg, platform: query.platform })
    // A later build takes its place.
    return reply.header('cache-control', 'no-cache').redirect(archiveUri(services, archive), 302)
  })
}
