// /archives/…: downloads by content address, and uploads.
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { readArchive } from '../../adapters/archive-reader.ts'
import { tooLarge } from '../../adapters/archive-storage.ts'
import { type ArchiveIdentity, formatIdentity, parseIdentity } from '../../model/archive-identity.ts'
import { PginstallError } from '../../model/errors.ts'
import { type ArchiveFile, findArchiveFile } from '../../repository/archives.ts'
import { publishArchive } from '../../repository/publish-archive.ts'
import { parseRange } from '../byte-range.ts'
import { entityTag, matchesTag } from '../entity-tag.ts'
import { immutable } from '../immutable.ts'
import { addOperation } from '../openapi.ts'
import { notFound, RequestError } from '../problem.ts'
import { archiveUri, type Services } from '../services.ts'

type Upload = { Params: { file: string } }
type Download = { Params: { sha256: string; file: string } }

export function addArchiveRoutes(server: FastifyInstance, services: Services): void {
  // Whatever the client calls the payload, it is verified to its last byte.
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
  addOperation<Download>(server, 'downloadArchive', services.authenticate, async (request, reply) => {
    const archive = await findArchiveFile(services.database, request.params.file)
    if (archive === undefined || archive.sha256 !== request.params.sha256) throw notFound(request.url)
    return sendArchive(services, archive, request, reply)
  })
  addOperation<Upload>(server, 'uploadArchive', services.authenticate, async (request, reply) => {
    const identity = readIdentity(request.params.file)
    const { created, ...archive } = await receive(services, identity, request, reply)
    const uri = archiveUri(services, archive)
    if (created) reply.code(201).header('location', uri)
    return reply.send({ ...archive, uri, created })
  })
}

async function sendArchive({ storage }: Services, archive: ArchiveFile, request: FastifyRequest, reply: FastifyReply) {
  const { sha256, size } = archive
  const tag = entityTag(sha256)
  reply.headers({ etag: tag, 'cache-control': immutable, 'accept-ranges': 'bytes', 'content-type': 'application/gzip' })
  if (matchesTag(request.headers['if-none-match'], tag)) return reply.code(304).removeHeader('content-type').send()
  const condition = request.headers['if-range']
  const asked = condition === undefined || condition === tag ? parseRange(request.headers.range, size) : undefined
  if (asked === 'unsatisfiable') {
    reply.header('content-range', `bytes */${size}`)
    throw new RequestError(416, 'invalid_parameter_value', 'archive has no such bytes', {
      detail: `It has ${size} bytes.`,
    })
  }
  const { first, last } = asked ?? { first: 0, last: size - 1 }
  if (asked !== undefined) reply.code(206).header('content-range', `bytes ${first}-${last}/${size}`)
  reply.header('content-length', last - first + 1)
  // The framework reads a stream to its end even for HEAD, to throw it away.
  return reply.send(request.method === 'HEAD' ? Readable.from([]) : await storage.read(sha256, { first, last }))
}

function readIdentity(file: string): ArchiveIdentity {
  const identity = parseIdentity(file)
  const canonical = formatIdentity(identity)
  if (canonical === file) return identity
  throw new PginstallError('invalid_name', `invalid archive name: "${file}"`, {
    hint: `Its proper form is "${canonical}".`,
  })
}

/** Takes an upload in: on disk, verified, then published. Nothing of it stays when any of that fails. */
async function receive(services: Services, identity: ArchiveIdentity, request: FastifyRequest, reply: FastifyReply) {
  const { database, storage, signing, maxArchiveBytes } = services
  const { body } = request
  if (!(body instanceof Readable)) throw new PginstallError('syntax_error', 'request has no archive in its body')
  if (Number(request.headers['content-length'] ?? 0) > maxArchiveBytes) throw tooLarge(maxArchiveBytes)
  const signal = AbortSignal.any([services.closing, whenClientLeaves(reply)])
  const staged = await storage.stage(body, { maxBytes: maxArchiveBytes, signal })
  try {
    const manifest = await readArchive(staged.path, { signal })
    return await publishArchive(database, signing, { identity, staged, manifest }, services.now())
  } finally {
    await staged.discard()
  }
}

function whenClientLeaves(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableEnded) controller.abort(new Error('the client has gone'))
  })
  return controller.signal
}
