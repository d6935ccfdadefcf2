// Puts a finished archive into the output directory: verified, whole, and never in place of another.
import { randomUUID } from 'node:crypto'
import { link, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readArchive } from '../adapters/archive-reader.ts'
import { formatIdentity, identityOf } from '../model/archive-identity.ts'
import { PginstallError } from '../model/errors.ts'
import type { Manifest } from '../model/manifest.ts'
import { type PackedFile, packArchive } from './pack.ts'

export type BuiltArchive = {
  /** Path of the archive. */
  file: string
  /** Its file name, which is its identity. */
  identity: string
  manifest: Manifest
  sha256: string
  /** Bytes. */
  size: number
}

type Place = { outputDirectory: string; buildNumber: number; signal: AbortSignal }

/**
 * Packs, has the reader that everyone uses verify the result, and links it to its name. The same bytes may be there
 * already; other bytes are refused, since an identity stands for its bytes for ever.
 * @throws PginstallError duplicate_object, build_failed, and what readArchive throws
 */
export async function keepArchive(
  manifest: Manifest,
  files: PackedFile[],
  { outputDirectory, buildNumber, signal }: Place,
): Promise<BuiltArchive> {
  const identity = formatIdentity(identityOf(manifest, buildNumber))
  const file = join(outputDirectory, identity)
  const fresh = join(outputDirectory, `.${randomUUID()}`)
  try {
    const { size, sha256 } = await packArchive(manifest, files, fresh, signal)
    await readArchive(fresh, { signal })
    // Unlike a rename, a link never replaces what is there.
    await link(fresh, file).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EEXIST') throw cause
      return refuseOther(fresh, file)
    })
    return { file, identity, manifest, sha256, size }
  } finally {
    await rm(fresh, { force: true })
  }
}

async function refuseOther(fresh: string, file: string): Promise<void> {
  if ((await readFile(fresh)).equals(await readFile(file))) return
  throw new PginstallError('duplicate_object', `archive "${file}" exists already, with other bytes`, {
    hint: 'Build with the next --build-number, or remove the archive if it was never published.',
  })
}
