// Publishing an archive that has been received: one transaction makes it visible, in the listings and in the index.
import type { StagedArchive } from '../adapters/archive-storage.ts'
import type { Database, Queryable } from '../adapters/database.ts'
import { type ArchiveIdentity, formatIdentity, identityOf } from '../model/archive-identity.ts'
import { PginstallError } from '../model/errors.ts'
import type { Manifest } from '../model/manifest.ts'
import { parseFullName } from '../model/names.ts'
import { compareVersions } from '../model/version-order.ts'
import { type ArchiveFile, findArchiveFile, listReleases } from './archives.ts'
import type { Extension } from './find-extension.ts'
import { type IndexSigning, publishIndex } from './index-publication.ts'
import { queries } from './queries.ts'

/** What was uploaded: the name it was given, its bytes, and what a full verification of them has found. */
export type Upload = { identity: ArchiveIdentity; staged: StagedArchive; manifest: Manifest }

/**
 * Publishes an upload. `created` is false when exactly these bytes are published under this identity already.
 * @throws PginstallError verification_failed, duplicate_object
 */
export async function publishArchive(
  database: Database,
  signing: IndexSigning,
  upload: Upload,
  now: Date,
): Promise<ArchiveFile & { created: boolean }> {
  const { identity, staged, manifest } = upload
  const file = formatIdentity(identity)
  checkIdentity(file, manifest, identity.build)
  return database.transaction(async (transaction) => {
    await transaction.query(queries['lock-changes'])
    const known = await findArchiveFile(transaction, file)
    if (known !== undefined) return { ...sameBytes(known, staged, identity), created: false }
    // Before the row: what is published is there. Without the row, nobody sees it.
    await staged.keep()
    const extension = await ensureExtension(transaction, manifest)
    await insertArchive(transaction, extension, upload, file, now)
    await publishIndex(transaction, [extension.short_name], signing, now)
    return { file, sha256: staged.sha256, size: staged.size, created: true }
  })
}

function checkIdentity(file: string, manifest: Manifest, build: number): void {
  const own = formatIdentity(identityOf(manifest, build))
  if (own === file) return
  throw new PginstallError('verification_failed', `archive is not what its name says: "${file}"`, {
    detail: `By its manifest it is "${own}".`,
    hint: `Upload it as "${own}".`,
  })
}

/** What is published once stays what it is. */
function sameBytes(known: ArchiveFile, staged: StagedArchive, identity: ArchiveIdentity): ArchiveFile {
  if (known.sha256 === staged.sha256) return known
  throw new PginstallError('duplicate_object', `archive "${known.file}" is already published with other content`, {
    detail: `The published one has SHA-256 ${known.sha256}, this one ${staged.sha256}.`,
    hint: `Give a rebuild the next build number: "${formatIdentity({ ...identity, build: identity.build + 1 })}".`,
  })
}

async function ensureExtension(transaction: Queryable, manifest: Manifest): Promise<Extension> {
  const { full, short } = parseFullName(manifest.full_name)
  const [known] = await transaction.query<Extension>(queries['find-extension-by-full-name'], [full])
  if (known === undefined) {
    const [made] = await transaction.query<Extension>(queries['insert-extension'], [full, short, manifest.description])
    if (made === undefined) throw new PginstallError('internal_error', 'insert returned no row')
    return made
  }
  if (known.full_name !== full) {
    throw new PginstallError(
      'duplicate_object',
      `extension full name "${full}" differs only in case from "${known.full_name}"`,
      {
        hint: `Use "${known.full_name}" when it is the same extension, another name when it is not.`,
      },
    )
  }
  const releases = (await listReleases(transaction, [known.id])).get(known.id) ?? []
  const isNewest = releases.every(({ version }) => compareVersions(version, manifest.version) <= 0)
  if (isNewest) await transaction.query(queries['describe-extension'], [known.id, manifest.description])
  return known
}

async function insertArchive(
  transaction: Queryable,
  extension: Extension,
  { identity, staged, manifest }: Upload,
  file: string,
  now: Date,
): Promise<void> {
  const { version, target, build } = identity
  const [release] = await transaction.query<{ id: number }>(queries['upsert-release'], [extension.id, version])
  const { sha256, size } = staged
  const place = [target?.major ?? null, target?.platform ?? null]
  await transaction.query(queries['insert-archive'], [
    release?.id,
    file,
    ...place,
    build,
    sha256,
    size,
    JSON.stringify(manifest),
    now,
  ])
}
