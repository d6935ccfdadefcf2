// Reads every file of a store again and compares it with its archive's manifest. Changes nothing, so it may run beside
// a sidecar: what that places appears complete.
import { type Dirent, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { digestFile, type FileDigest } from '../adapters/file-digest.ts'
import { describeCause } from '../model/errors.ts'
import { type Manifest, type ManifestFile, manifestPath, parseManifest } from '../model/manifest.ts'
import { flattenFullName } from '../model/names.ts'
import { requireStore } from './store-contents.ts'

export type StoreFault = {
  /** Absolute. */
  path: string
  /** The end of a sentence that begins with the path: `is missing`. */
  fault: string
}

export type StoreReport = { archives: number; files: number; bytes: number; faults: StoreFault[] }

const digestName = /^[0-9a-f]{64}$/

/**
 * Checks the archives below `directory`/store and the files that they share below `directory`/files.
 * @throws PginstallError undefined_file when there is no store
 */
export async function verifyStore(
  directory: string,
  options: { signal: AbortSignal; onArchive(name: string): void },
): Promise<StoreReport> {
  const root = requireStore(directory)
  const check = new StoreCheck(options.signal)
  await check.checkShared(join(directory, 'files'))
  for (const key of check.directoriesOf(root)) {
    for (const flat of check.directoriesOf(key)) {
      for (const version of check.directoriesOf(flat)) {
        for (const archive of check.directoriesOf(version)) {
          options.onArchive(relative(root, archive))
          await check.checkArchive(archive, relative(key, version))
        }
      }
    }
  }
  return check.report
}

class StoreCheck {
  readonly report: StoreReport = { archives: 0, files: 0, bytes: 0, faults: [] }
  #signal: AbortSignal
  /** Digests by identity: hard links are read once. */
  #known = new Map<string, FileDigest>()

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  /** Folders of one level of the store, in order; anything else there is a fault. */
  directoriesOf(path: string): string[] {
    return this.#entriesOf(path).flatMap((entry) => {
      if (entry.isDirectory()) return [join(path, entry.name)]
      this.#fault(join(path, entry.name), 'does not belong there')
      return []
    })
  }

  /** A file whose name is not its digest would go into the next archive that has such a file. */
  async checkShared(directory: string): Promise<void> {
    for (const { name } of this.#entriesOf(directory)) {
      const path = join(directory, name)
      const found = digestName.test(name) ? await this.#digest(path) : undefined
      if (!digestName.test(name)) this.#fault(path, 'does not belong there')
      else if (found !== undefined && found.sha256 !== name) this.#fault(path, `has SHA-256 ${found.sha256}`)
    }
  }

  /** `place` is FULL+NAME/VERSION, where it stands. */
  async checkArchive(path: string, place: string): Promise<void> {
    this.report.archives++
    const manifest = this.#readManifest(path, place)
    if (manifest === undefined) return
    const files = new Map(manifest.files.map((file) => [file.path, file]))
    for (const found of this.#filesBelow(path)) {
      const name = relative(path, found)
      if (name !== manifestPath && !files.has(name)) this.#fault(found, 'is not in the manifest')
    }
    for (const file of files.values()) await this.#checkFile(join(path, file.path), file)
  }

  async #checkFile(path: string, { size, sha256 }: ManifestFile): Promise<void> {
    this.report.files++
    const found = await this.#digest(path)
    if (found === undefined) return
    this.report.bytes += found.size
    if (found.size !== size) this.#fault(path, `has ${found.size} bytes, the manifest says ${size}`)
    else if (found.sha256 !== sha256) this.#fault(path, `has SHA-256 ${found.sha256}, the manifest says ${sha256}`)
  }

  #readManifest(path: string, place: string): Manifest | undefined {
    const file = join(path, manifestPath)
    try {
      const manifest = parseManifest(readFileSync(file, 'utf8'))
      const own = join(flattenFullName(manifest.full_name), manifest.version)
      if (own === place) return manifest
      this.#fault(file, `is that of ${own}`)
    } catch (cause) {
      this.#fault(file, isMissing(cause) ? 'is missing' : `cannot be read: ${describeCause(cause)}`)
    }
    return undefined
  }

  /** Undefined when the file cannot be read, which is a fault of its own. */
  async #digest(path: string): Promise<FileDigest | undefined> {
    try {
      const stat = lstatSync(path)
      const known = this.#known.get(`${stat.dev}:${stat.ino}`)
      if (known !== undefined) return known
      const digest = await digestFile(path, this.#signal)
      this.#known.set(digest.identity, digest)
      if (digest.othersMayWrite) this.#fault(path, 'may be written by others than its owner')
      return digest
    } catch (cause) {
      this.#signal.throwIfAborted()
      this.#fault(path, isMissing(cause) ? 'is missing' : `cannot be read: ${describeCause(cause)}`)
      return undefined
    }
  }

  #filesBelow(path: string): string[] {
    return this.#entriesOf(path).flatMap((entry) => {
      const child = join(path, entry.name)
      return entry.isDirectory() ? this.#filesBelow(child) : [child]
    })
  }

  #entriesOf(path: string): Dirent[] {
    try {
      return readdirSync(path, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1))
    } catch (cause) {
      this.#fault(path, isMissing(cause) ? 'is missing' : `cannot be read: ${describeCause(cause)}`)
      return []
    }
  }

  #fault(path: string, fault: string): void {
    this.report.faults.push({ path, fault })
  }
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
}
