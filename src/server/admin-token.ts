// Who may change the repository: whoever has the token that stands in a file of the server.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import { readOrCreateSecret } from '../adapters/secret-file.ts'
import { RequestError } from './problem.ts'

const tokenBytes = 32

/** A hook that lets through who has the token of a file. Of the token, only its digest stays in memory. */
export async function requireAdminToken(file: string): Promise<onRequestAsyncHookHandler> {
  const expected = sha256(await readOrCreateSecret(file, () => `${randomBytes(tokenBytes).toString('base64url')}\n`))
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const given = /^Bearer +([A-Za-z0-9._~+/=-]+) *$/i.exec(request.headers.authorization ?? '')?.[1]
    if (given === undefined) {
      reply.header('www-authenticate', 'Bearer realm="pginstall"')
      throw refused('administrator token is missing')
    }
    if (!timingSafeEqual(sha256(given), expected)) {
      reply.header('www-authenticate', 'Bearer realm="pginstall", error="invalid_token"')
      throw refused('administrator token is wrong')
    }
  }
}

function refused(message: string): RequestError {
  return new RequestError(401, 'insufficient_privilege', message, {
    hint: 'The token is in the file admin-token of the server\'s data directory; give it as "Authorization: Bearer".',
  })
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
