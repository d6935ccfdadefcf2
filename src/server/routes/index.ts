// /index/…: the signed index and the files it names.
import type { FastifyInstance } from 'fastify'
import { findIndexFile, findPublication } from '../../repository/index-publication.ts'
import { entityTag } from '../entity-tag.ts'
import { immutable } from '../immutable.ts'
import { addOperation } from '../openapi.ts'
import { notFound } from '../problem.ts'
import type { Services } from '../services.ts'

export function addIndexRoutes(server: FastifyInstance, { database, authenticate, indexMaxAgeMs }: Services): void {
  addOperation(server, 'getIndex', authenticate, async (request, reply) => {
    const publication = await findPublication(database)
    if (publication === undefined) throw notFound(request.url)
    return reply
      .type('application/json')
      .header('cache-control', `max-age=${Math.floor(indexMaxAgeMs / 1000)}, must-revalidate`)
      .send(publication.envelope)
  })
  addOperation<{ Params: { file: string } }>(server, 'getIndexFile', authenticate, async (request, reply) => {
    const sha256 = request.params.file.slice(0, -'.json'.length)
    const body = await findIndexFile(database, sha256)
    if (body === undefined) throw notFound(request.url)
    return reply
      .type('application/json')
      .headers({ etag: entityTag(sha256), 'cache-control': immutable })
      .send(body)
  })
}
