// Entity tags, RFC 9110 section 8.8.3: each small answer gets the digest of its bytes.
import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

export function entityTag(digest: string): string {
  return `"${digest}"`
}

/** Whether If-None-Match has the tag; comparison is the weak one, since proxies that compress make tags weak. */
export function matchesTag(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false
  const given = ifNoneMatch.split(',').map((item) => item.trim().replace(/^W\//, ''))
  return given.includes('*') || given.includes(tag)
}

/** Tags what a route has answered, or answers that it has not changed. */
export async function addEntityTag(request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  if (!isRead || reply.statusCode !== 200 || typeof payload !== 'string') return payload
  if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-cache')
  const tag = String(reply.getHeader('etag') ?? entityTag(createHash('sha256').update(payload).digest('hex')))
  reply.header('etag', tag)
  if (!matchesTag(request.headers['if-none-match'], tag)) return payload
  reply.code(304).removeHeader('content-type').removeHeader('content-length')
  return null
}
