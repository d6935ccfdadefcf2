// What the routes work with.
import type { onRequestAsyncHookHandler } from 'fastify'
import type { ArchiveStorage } from '../adapters/archive-storage.ts'
import type { Database } from '../adapters/database.ts'
import { archivePath } from '../model/index.ts'
import type { IndexSigning } from '../repository/index-publication.ts'

export type Services = {
  database: Database
  storage: ArchiveStorage
  signing: IndexSigning
  publicKey: string
  /** Lets administrators through. */
  authenticate: onRequestAsyncHookHandler
  maxArchiveBytes: number
  indexMaxAgeMs: number
  /** The public URI, ending in a slash; `/` when only clients know it. */
  baseUri: string
  /** Aborted when the server closes. */
  closing: AbortSignal
  now(): Date
}

/** Content address of an archive. */
export function archiveUri({ baseUri }: Services, { sha256, file }: { sha256: string; file: string }): string {
  return baseUri + archivePath(sha256, file)
}
