// The store: unpacked archives, shared by all targets of the machine. Each is immutable, and complete or absent.
import { createHash, randomUUID } from 'node:crypto'
import {
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { readArchive } from '../adapters/archive-reader.ts'
import { claim } from '../adapters/claims.ts'
import { makeDirectory, syncPaths, writeStream } from '../adapters/files.ts'
import { ownWorkDirectory, prepareWorkDirectory } from '../adapters/work-directory.ts'
import { formatIdentity, identityOf } from '../model/archive-identity.ts'
import { PginstallError } from '../model/errors.ts'
import { type Manifest, manifestPath, parseManifest } from '../model/manifest.ts'
import { type ExtensionName, flattenFullName, parseFullName } from '../model/names.ts'
import { majorOf, type RunningServer } from '../model/platform.ts'
import type { Resolved } from './resolve.ts'
import { unreachable } from './resolve-errors.ts'

export type StoredArchive = Resolved & {
  manifest: Manifest
  /** Its directory in the store. */
  path: string
}

/** Each fails only where somebody removes the directory at that moment. */
const maxCommits = 10
/** Below the store's directory: each process has a directory of its own there. */
const incoming = 'incoming'

/** What there is to say of an archive in the store, wherever it came from. */
export type PlacedArchive = Pick<StoredArchive, 'fullName' | 'name' | 'version' | 'manifest' | 'path'>

export class Store {
  #directory: string
  #root: string
  /** What is half done, each thing below a name of its own. */
  readonly work: string
  #files: string
  #lifetime: AbortSignal
  /** Fetches under way, by what they place: whoever asks for the same archive waits for the same one. */
  #fetches = new Map<string, Promise<void>>()

  /** `lifetime` ends fetches; that of a single request does not, since others may wait for the same archive. */
  constructor(directory: string, lifetime: AbortSignal) {
    this.#root = join(directory, 'store')
    this.work = ownWorkDirectory(join(directory, incoming))
    this.#directory = directory
    this.#files = join(directory, 'files')
    this.#lifetime = lifetime
  }

  /** Takes away what processes that are dead left half done; other sidecars of the machine may be at work. */
  prepare(): void {
    prepareWorkDirectory(join(this.#directory, incoming))
    for (const directory of [this.#root, this.#files]) mkdirSync(directory, { recursive: true, mode: 0o755 })
  }

  /** Whether some version of the extension is here for this server. */
  has(name: ExtensionName, server: RunningServer): boolean {
    for (const key of [serverKey(server), serverKey(null)]) {
      const directory = join(this.#root, key)
      if (!existsSync(directory)) continue
      const found = readdirSync(directory).some((flat) =>
        name.kind === 'full' ? flat === flattenFullName(name.full) : flat.endsWith(`+${name.short}`),
      )
      if (found) return true
    }
    return false
  }

  /** What the store has of an extension for this server, of one version or of all; whatever was relied on last comes first. */
  find(fullName: string, version: string | undefined, server: RunningServer): PlacedArchive[] {
    const folder = join(this.#root, serverKey(server), flattenFullName(fullName))
    const { short: name } = parseFullName(fullName)
    const versions = version === undefined ? listIfThere(folder) : [version]
    return versions
      .flatMap((each) => listIfThere(join(folder, each)).map((digest) => join(folder, each, digest)))
      .map((path) => ({ path, claimed: statSync(path).mtimeMs }))
      .toSorted((a, b) => b.claimed - a.claimed)
      .map(({ path }) => {
        const manifest = parseManifest(readFileSync(join(path, manifestPath), 'utf8'))
        return { fullName, name, version: manifest.version, manifest, path }
      })
  }

  /**
   * The archive, fetched and verified unless it is here already.
   * @throws PginstallError io_error, verification_failed, query_canceled
   */
  async take(resolved: Resolved, notify: (message: string) => void, signal: AbortSignal): Promise<StoredArchive> {
    const path = this.#pathOf(resolved)
    resolved.repository.published.check(resolved.archive)
    if (!claim(path)) {
      notify(`fetching ${resolved.repository.archiveUrl(resolved.archive)}`)
      await unlessAborted(this.#fetchOnce(resolved, path), signal)
      claim(path)
    }
    return { ...resolved, path, manifest: parseManifest(readFileSync(join(path, manifestPath), 'utf8')) }
  }

  #fetchOnce(resolved: Resolved, path: string): Promise<void> {
    const running = this.#fetches.get(path)
    if (running !== undefined) return running
    const fetch = this.#fetch(resolved, path).finally(() => this.#fetches.delete(path))
    this.#fetches.set(path, fetch)
    return fetch
  }

  async #fetch(resolved: Resolved, path: string): Promise<void> {
    const work = join(this.work, randomUUID())
    makeDirectory(work)
    try {
      const file = join(work, 'archive.tar.gz')
      await this.#download(resolved, file)
      const fresh = new Set<string>()
      const manifest = await this.#unpack(resolved, file, work, fresh)
      const staged = join(work, 'staged')
      const written = this.#stage(staged, work, manifest)
      // All at once: the disk takes them together.
      await syncPaths([...[...fresh].map((sha256) => join(work, sha256)), ...written])
      this.#keepFiles(work, fresh)
      await resolved.repository.indexKept()
      resolved.repository.published.remember(resolved.archive)
      await this.#commit(staged, path)
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  }

  async #download(resolved: Resolved, file: string): Promise<void> {
    const { archive, repository } = resolved
    try {
      await repository.download(archive, file, this.#lifetime)
    } catch (cause) {
      throw cause instanceof PginstallError && cause.is('io_error') ? unreachable(repository, cause) : cause
    }
    const { size } = statSync(file)
    const digest = await digestOf(file)
    if (size === archive.size && digest === archive.sha256) return
    throw new PginstallError('verification_failed', `archive "${archive.file}" is not what the signed index says`, {
      detail: `It has ${size} bytes with SHA-256 ${digest}; the index says ${archive.size} bytes with SHA-256 ${archive.sha256}.`,
      hint: `Nothing of it was installed. Tell who runs repository ${repository.name}.`,
    })
  }

  /**
   * Puts all files into `work`, each under its digest: those that are kept as links, which nobody can take from us any
   * more, and `fresh` ones unpacked while verifying. Nothing of it is seen by anybody before all of it is verified.
   */
  async #unpack(resolved: Resolved, file: string, work: string, fresh: Set<string>): Promise<Manifest> {
    const { archive, repository } = resolved
    const manifest = await readArchive(file, {
      signal: this.#lifetime,
      onFile: async ({ sha256 }, content) => {
        const unpacked = join(work, sha256)
        if (existsSync(unpacked) || tryLink(join(this.#files, sha256), unpacked)) return
        fresh.add(sha256)
        await writeStream(unpacked, content, 0o444)
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
    return manifest
  }

  /** What is to be flushed besides the files that were unpacked. */
  #stage(staged: string, work: string, manifest: Manifest): string[] {
    mkdirSync(staged, { mode: 0o755 })
    const written = new Set([staged])
    for (const { path, sha256 } of manifest.files) {
      const place = join(staged, path)
      mkdirSync(dirname(place), { recursive: true, mode: 0o755 })
      written.add(dirname(place))
      if (tryLink(join(work, sha256), place)) continue
      // A file system lets a file have so many names only (ext4: 65,000), and everybody has some empty file.
      copyFileSync(join(work, sha256), place)
      written.add(place)
    }
    const file = join(staged, manifestPath)
    writeFileSync(file, JSON.stringify(manifest, null, 2) + '\n', { flag: 'wx', mode: 0o644 })
    return [...written, file]
  }

  /**
   * Equal files are stored once: large extensions ship hundreds of them. A file gets its place when the archive's reader
   * has found it to have the digest that is its name, was flushed before, and is never written again.
   */
  #keepFiles(work: string, fresh: Set<string>): void {
    for (const sha256 of fresh) tryLink(join(work, sha256), join(this.#files, sha256))
  }

  async #commit(staged: string, path: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
      try {
        renameSync(staged, path)
        break
      } catch (cause) {
        // Another sidecar on this store was faster, with the same bytes.
        if (existsSync(path)) break
        // Or whoever clears the store has just removed the directory, which was empty.
        if (!isCode(cause, 'ENOENT') || tries === maxCommits) throw cause
      }
    }
    await syncPaths([dirname(path), this.#files])
  }

  /** Flat, since `a.b/x` may have the version `y` while there is an extension `a.b/x/y`. */
  #pathOf({ fullName, version, archive }: Resolved): string {
    return join(this.#root, serverKey(archive.postgresql), flattenFullName(fullName), version, archive.sha256)
  }
}

function listIfThere(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : []
}

/** False when there is no such file, when it has as many names as it can have, or when the name is taken. */
function tryLink(file: string, place: string): boolean {
  try {
    linkSync(file, place)
    return true
  } catch (cause) {
    if (['ENOENT', 'EMLINK', 'EEXIST'].some((code) => isCode(cause, code))) return false
    throw cause
  }
}

function isCode(cause: unknown, code: string): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === code
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

/** At a time: most archives are hashed in one go. */
const readBytes = 1024 ** 2

/** Of a file that was written just now: it is in memory, and a trip through the thread pool would take longer. */
async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(readBytes)
  const file = openSync(path, 'r')
  try {
    for (let n = readSync(file, buffer); n > 0; n = readSync(file, buffer)) {
      hash.update(buffer.subarray(0, n))
      if (n === readBytes) await setImmediate()
    }
  } finally {
    closeSync(file)
  }
  return hash.digest('hex')
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new PginstallError('query_canceled', 'the session that asked has gone'))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
