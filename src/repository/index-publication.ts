// The signed index: index files by digest, and the signed file on top, replaced in the transaction of every change.
import { createHash } from 'node:crypto'
import type { Database, Queryable } from '../adapters/database.ts'
import { PginstallError } from '../model/errors.ts'
import type { IndexedArchive, NameIndex, TopIndex } from '../model/index.ts'
import { openIndex, publicKeyOf, sealIndex } from '../model/signature.ts'
import { listReleases, type PublishedArchive } from './archives.ts'
import type { Extension } from './find-extension.ts'
import { queries } from './queries.ts'

export type IndexSigning = {
  /** Ed25519, PKCS #8 PEM. */
  privateKey: string
  /** From publication to expiry. */
  periodMs: number
}

export type Publication = { version: number; published_at: Date; expires_at: Date; envelope: string }

export async function findPublication(database: Queryable): Promise<Publication | undefined> {
  const [publication] = await database.query<Publication>(queries['find-publication'])
  return publication
}

/** The bytes of an index file, of the current index or of one that clients may still hold. */
export async function findIndexFile(database: Queryable, sha256: string): Promise<string | undefined> {
  const [file] = await database.query<{ body: string }>(queries['find-index-file'], [sha256])
  return file?.body
}

/**
 * Publishes the index with new files for the short names that have changed. The transaction must hold the lock on
 * changes.
 */
export async function publishIndex(
  transaction: Queryable,
  changed: string[],
  signing: IndexSigning,
  now: Date,
): Promise<Publication> {
  const previous = await findPublication(transaction)
  for (const name of changed) await replaceIndexFile(transaction, name, previous?.expires_at ?? now)
  await transaction.query(queries['delete-old-index-files'], [now])
  const files = await transaction.query<{ short_name: string; sha256: string }>(queries['list-current-index-files'])
  const expires = new Date(now.getTime() + signing.periodMs)
  const top: TopIndex = {
    index: 1,
    // Clients refuse a version below one they have seen. The clock keeps a repository ahead of itself that was restored
    // from a backup.
    version: Math.max((previous?.version ?? 0) + 1, Math.floor(now.getTime() / 1000)),
    published: now.toISOString(),
    expires: expires.toISOString(),
    names: Object.fromEntries(files.map(({ short_name, sha256 }) => [short_name, sha256])),
  }
  const envelope = sealIndex(JSON.stringify(top), signing.privateKey)
  await transaction.query(queries['replace-publication'], [top.version, now, expires, envelope])
  return { version: top.version, published_at: now, expires_at: expires, envelope }
}

/**
 * Signs the index anew when half of its time is over, when another key has signed it, or when there is none. Whichever
 * process comes first does it.
 */
export async function keepIndexFresh(database: Database, signing: IndexSigning, now: Date): Promise<Publication> {
  return database.transaction(async (transaction) => {
    await transaction.query(queries['lock-changes'])
    const current = await findPublication(transaction)
    if (current !== undefined && isFresh(current, signing, now)) return current
    return publishIndex(transaction, [], signing, now)
  })
}

/** When the index is to be signed anew. */
export function renewalTime({ expires_at }: Publication, { periodMs }: IndexSigning): Date {
  return new Date(expires_at.getTime() - periodMs / 2)
}

function isFresh(publication: Publication, signing: IndexSigning, now: Date): boolean {
  const leftMs = publication.expires_at.getTime() - now.getTime()
  if (leftMs <= signing.periodMs / 2 || leftMs > signing.periodMs) return false
  try {
    openIndex(publication.envelope, [publicKeyOf(signing.privateKey)])
    return true
  } catch (cause) {
    if (cause instanceof PginstallError) return false
    throw cause
  }
}

async function replaceIndexFile(transaction: Queryable, name: string, keptUntil: Date): Promise<void> {
  await transaction.query(queries['supersede-index-file'], [name, keptUntil])
  const index = await buildNameIndex(transaction, name)
  if (index.extensions.length === 0) return
  const body = JSON.stringify(index)
  const sha256 = createHash('sha256').update(body).digest('hex')
  await transaction.query(queries['upsert-index-file'], [sha256, name, body])
}

async function buildNameIndex(transaction: Queryable, name: string): Promise<NameIndex> {
  const extensions = await transaction.query<Extension>(queries['find-extensions-by-short-name'], [name])
  const releases = await listReleases(
    transaction,
    extensions.map(({ id }) => id),
  )
  const indexed = extensions.map(({ id, full_name, description }) => ({
    full_name,
    description,
    releases: (releases.get(id) ?? []).map(({ version, yanked, archives }) => ({
      version,
      yanked,
      archives: archives.map(indexArchive),
    })),
  }))
  return { index: 1, name, extensions: indexed.filter((extension) => extension.releases.length > 0) }
}

function indexArchive({ file, build, size, sha256, manifest }: PublishedArchive): IndexedArchive {
  const { postgresql, os, needs, requires } = manifest
  return { file, build, size, sha256, postgresql, os, needs, requires }
}
