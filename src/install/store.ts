// The store: unpacked archives, shared by all targets of the machine. Each is immutable, and complete or absent.
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { link, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readArchive } from '../adapters/archive-reader.ts'
import { syncDirectory, writeDurably } from '../adapters/files.ts'
import { formatIdentity, identityOf } from '../model/archive-identity.ts'
import { PginstallError } from '../model/errors.ts'
import { type Manifest, manifestPath, parseManifest } from '../model/manifest.ts'
import { type ExtensionName, flattenFullName } from '../model/names.ts'
import { majorOf, type RunningServer } from '../model/platform.ts'
import { type Resolved, unreachable } from './resolve.ts'

export type StoredArchive = Resolved & {
  manifest: Manifest
  /** Its directory in the store. */
  path: string
}

export class Store {
  #root: string
  #incoming: string
  #files: string
  #lifetime: AbortSignal
  /** Fetches under way, by digest: whoever asks for the same archive waits for the same one. */
  #fetches = new Map<string, Promise<void>>()

  /** `lifetime` ends fetches; that of a single request does not, since others may wait for the same archive. */
  constructor(directory: string, lifetime: AbortSignal) {
    this.#root = join(directory, 'store')
    this.#incoming = join(directory, 'incoming')
    this.#files = join(directory, 'files')
    this.#lifetime = lifetime
  }

  /** Takes away what an earlier process left half done. Only the sidecar that owns the directory may call it. */
  async prepare(): Promise<void> {
    await rm(this.#incoming, { recursive: true, force: true })
    for (const directory of [this.#root, this.#incoming, this.#files])
      await mkdir(directory, { recursive: true, mode: 0o755 })
  }

  /** Whether some version of the extension is here for this server. */
  async has(name: ExtensionName, server: RunningServer): Promise<boolean> {
    for (const key of [serverKey(server), serverKey(null)]) {
      const names = await readdir(join(this.#root, key)).catch(() => [])
      const found = names.some((flat) =>
        name.kind === 'full' ? flat === flattenFullName(name.full) : flat.endsWith(`+${name.short}`),
      )
      if (found) return true
    }
    return false
  }

  /**
   * The archive, fetched and verified unless it is here already.
   * @throws PginstallError io_error, verification_failed, query_canceled
   */
  async take(resolved: Resolved, notify: (message: string) => void, signal: AbortSignal): Promise<StoredArchive> {
    const path = this.#pathOf(resolved)
    if (!(await exists(path))) {
      notify(`fetching ${resolved.repository.archiveUrl(resolved.archive)}`)
      await unlessAborted(this.#fetchOnce(resolved, path), signal)
    }
    return { ...resolved, path, manifest: parseManifest(await readFile(join(path, manifestPath), 'utf8')) }
  }

  #fetchOnce(resolved: Resolved, path: string): Promise<void> {
    const { sha256 } = resolved.archive
    const running = this.#fetches.get(sha256)
    if (running !== undefined) return running
    const fetch = this.#fetch(resolved, path).finally(() => this.#fetches.delete(sha256))
    this.#fetches.set(sha256, fetch)
    return fetch
  }

  async #fetch(resolved: Resolved, path: string): Promise<void> {
    const work = join(this.#incoming, randomUUID())
    await mkdir(work)
    try {
      const file = join(work, 'archive.tar.gz')
      await this.#download(resolved, file)
      const staged = join(work, 'staged')
      await this.#stage(resolved, file, staged)
      await this.#commit(staged, path)
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  }

  async #download(resolved: Resolved, file: string): Promise<void> {
    const { archive, repository } = resolved
    try {
      await repository.download(archive, file, this.#lifetime)
    } catch (cause) {
      throw cause instanceof PginstallError && cause.is('io_error') ? unreachable(repository, cause) : cause
    }
    const { size } = await stat(file)
    const digest = await digestOf(file)
    if (size === archive.size && digest === archive.sha256) return
    throw new PginstallError('verification_failed', `archive "${archive.file}" is not what the signed index says`, {
      detail: `It has ${size} bytes with SHA-256 ${digest}; the index says ${archive.size} bytes with SHA-256 ${archive.sha256}.`,
      hint: `Nothing of it was installed. Tell who runs repository ${repository.name}.`,
    })
  }

  /** Unpacks beside the store while verifying; nothing of it is seen by anybody before all of it is verified. */
  async #stage(resolved: Resolved, file: string, staged: string): Promise<void> {
    const { archive, repository } = resolved
    await mkdir(staged, { mode: 0o755 })
    const manifest = await readArchive(file, {
      signal: this.#lifetime,
      onFile: async ({ path, sha256 }, content) => {
        await this.#keepFile(sha256, content)
        if (!(await exists(join(this.#files, sha256)))) return
        await mkdir(dirname(join(staged, path)), { recursive: true, mode: 0o755 })
        await link(join(this.#files, sha256), join(staged, path))
      },
    })
    const said = formatIdentity(identityOf(manifest, archive.build))
    const same = (member: 'postgresql' | 'os' | 'needs' | 'requires') =>
      JSON.stringify(sorted(manifest[member])) === JSON.stringify(sorted(archive[member]))
    if (
      manifest.full_name !== resolved.fullName ||
      manifest.version !== resolved.version ||
      said !== archive.file ||
      !(['postgresql', 'os', 'needs', 'requires'] as const).every(same)
    ) {
      throw new PginstallError('verification_failed', `archive "${archive.file}" has the manifest of another`, {
        detail: `Its manifest makes it "${said}", or differs in what it needs or requires.`,
        hint: `Nothing of it was installed. Tell who runs repository ${repository.name}.`,
      })
    }
    await writeDurably(join(staged, manifestPath), JSON.stringify(manifest, null, 2) + '\n')
  }

  /**
   * Equal files are stored once: large extensions ship hundreds of them. A file gets its place only with the digest
   * that is its name, whatever becomes of the archive, and is never written again.
   */
  async #keepFile(sha256: string, content: AsyncIterable<Buffer>): Promise<void> {
    const place = join(this.#files, sha256)
    if (await exists(place)) return
    const fresh = join(this.#incoming, randomUUID())
    try {
      const hash = createHash('sha256')
      await writeDurably(
        fresh,
        passThrough(content, (chunk) => hash.update(chunk)),
        0o444,
      )
      // The archive's reader compares too, and says what is wrong.
      if (hash.digest('hex') === sha256) await rename(fresh, place)
    } finally {
      await rm(fresh, { force: true })
    }
  }

  async #commit(staged: string, path: string): Promise<void> {
    await syncDirectory(staged)
    await mkdir(dirname(path), { recursive: true, mode: 0o755 })
    try {
      await rename(staged, path)
    } catch (cause) {
      // Another sidecar on this store was faster, with the same bytes.
      if (!(await exists(path))) throw cause
    }
    await syncDirectory(dirname(path))
    await syncDirectory(this.#files)
  }

  /** Flat, since `a.b/x` may have the version `y` while there is an extension `a.b/x/y`. */
  #pathOf({ fullName, version, archive }: Resolved): string {
    return join(this.#root, serverKey(archive.postgresql), flattenFullName(fullName), version, archive.sha256)
  }
}

/** Major and ABI that modules are bound to, as one path element. */
function serverKey(built: { version_num: number; abi_extra: string } | null): string {
  if (built === null) return 'any'
  return `${majorOf(built.version_num)}-${built.abi_extra.replace(/[^A-Za-z0-9]/g, '_') || 'stock'}`
}

/** Members in one order, so that two documents compare by value. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  )
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  return hash.digest('hex')
}

async function* passThrough(content: AsyncIterable<Buffer>, see: (chunk: Buffer) => void): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    see(chunk)
    yield chunk
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new PginstallError('query_canceled', 'the session that asked has gone'))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
