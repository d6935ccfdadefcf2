// The HTTP side: Fastify with our routes, our errors and our limits.
import { type FastifyBaseLogger, type FastifyInstance, fastify } from 'fastify'
import { createLog } from '../adapters/log.ts'
import { canonicalUrl } from './canonical-url.ts'
import { addEntityTag } from './entity-tag.ts'
import { notFound, sendProblem } from './problem.ts'
import { addAboutRoutes } from './routes/about.ts'
import { addArchiveRoutes } from './routes/archives.ts'
import { addGetRoutes } from './routes/get.ts'
import { addIndexRoutes } from './routes/index.ts'
import { addListRoutes } from './routes/list.ts'
import type { Services } from './services.ts'

/** Longest silence of a client. Verifying a large archive is a silence too. */
const idleTimeoutMs = 120_000
/** A full name, or an archive's file name, with all its characters escaped. */
const maxParameterCharacters = 1200

export async function createHttpServer(services: Services, log: FastifyBaseLogger): Promise<FastifyInstance> {
  const server: FastifyInstance = fastify({
    loggerInstance: log,
    connectionTimeout: idleTimeoutMs,
    rewriteUrl: (request) => canonicalUrl(request.url ?? '/'),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: maxParameterCharacters },
    ajv: { customOptions: { removeAdditional: false } },
    frameworkErrors: sendProblem,
  })
  server.setErrorHandler((error, request, reply) => sendProblem(error, request, reply))
  server.setNotFoundHandler((request, reply) => sendProblem(notFound(request.originalUrl), request, reply))
  server.addHook('onSend', addEntityTag)
  server.addHook('onSend', async (_request, reply) => {
    // An archive or a description is nobody's web page.
    reply.header('x-content-type-options', 'nosniff')
  })
  for (const add of [addAboutRoutes, addArchiveRoutes, addGetRoutes, addIndexRoutes, addListRoutes]) {
    // A scope each, so that the payloads of uploads are no one else's.
    await server.register(async (scope) => add(scope, services))
  }
  return server
}

/**
 * Has Fastify load what it loads only when the first server of a process is made: afterwards, a daemon that has dropped
 * its rights may not be able to read it.
 */
export async function loadLazyModules(): Promise<void> {
  const server = fastify({ loggerInstance: createLog('server') })
  const anything = { type: 'object', properties: { any: { type: 'string' } } }
  server.get('/:any', { schema: { params: anything } }, async () => '')
  await server.ready()
  await server.close()
}
