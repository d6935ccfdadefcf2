// What the server says of itself: its status and its API.
import type { FastifyInstance } from 'fastify'
import { packageVersion } from '../../adapters/package-root.ts'
import { findPublication } from '../../repository/index-publication.ts'
import { countEverything } from '../../repository/listings.ts'
import { addOperation, apiDocument } from '../openapi.ts'
import { notFound } from '../problem.ts'
import type { Services } from '../services.ts'

export function addAboutRoutes(server: FastifyInstance, { database, publicKey, authenticate }: Services): void {
  addOperation(server, 'getStatus', authenticate, async (request) => {
    const [counts, publication] = await Promise.all([countEverything(database), findPublication(database)])
    if (publication === undefined) throw notFound(request.url)
    const { version, published_at, expires_at } = publication
    const index = { version, published: published_at.toISOString(), expires: expires_at.toISOString() }
    return { server_version: packageVersion(), public_key: publicKey, ...counts, index }
  })
  addOperation(server, 'getDescription', authenticate, async () => apiDocument)
}
