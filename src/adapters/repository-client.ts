// One repository as a sidecar sees it: its signed index, kept on disk, and its archives. Nothing it says is taken before
// it is checked against the key in our settings, and never anything older than what was seen before.
import { setImmediate } from 'node:timers/promises'
import { PginstallError } from '../model/errors.ts'
import {
  archivePath,
  type IndexedArchive,
  indexTimeLimitMs,
  maxNameIndexBytes,
  maxTopIndexBytes,
  type NameIndex,
  nameIndexPath,
  parseNameIndex,
  parseTopIndex,
  type TopIndex,
  topIndexPath,
} from '../model/index.ts'
import { parseJson } from '../model/schema.ts'
import { openIndex, openUnsignedIndex } from '../model/signature.ts'
import { type HttpClient, isLoopback } from './http-client.ts'
import { IndexFiles, type SignedFile, sha256 } from './index-files.ts'
import { PublishedArchives } from './published-archives.ts'
import type { RepositorySettings } from './repository-settings.ts'
import { checkUri } from './repository-uri.ts'

const maxMirrorRequests = 8
/** By how much a repository's clock may be ahead of ours. */
const maxClockSkewMs = 600_000
/** All files of one repository's index on our disk, bytes in blocks. */
const maxMirrorBytes = 256 * 1024 * 1024

type Kept = SignedFile & { index: TopIndex }

/**
 * What was last read of each repository and found good, by whom it had to be signed: to check a signature takes longer
 * than all the rest of a request that has nothing to fetch.
 */
const lastOpened = new Map<string, { text: string; trust: string; kept: Kept }>()
/** However long a repository wants not to be asked: what it has withdrawn must not be taken for long. */
const maxFreshMs = 300_000
/** Larger ones are not worth the memory. */
const maxRememberedCharacters = 1024 * 1024

export type RepositoryState = { index: TopIndex; updated: string }

export class RepositoryClient {
  readonly name: string
  readonly uri: string
  readonly settings: RepositorySettings
  /** Whether the next repository may answer while this one cannot. */
  readonly fallback: boolean
  readonly published: PublishedArchives
  #files: IndexFiles
  #http: HttpClient
  #keeping: Promise<void> = Promise.resolve()

  /**
   * `directory` holds what was seen of the repository; `work` what is half written.
   * @throws PginstallError invalid_parameter_value for a URI that must not be used
   */
  constructor(settings: RepositorySettings, options: { directory: string; work: string; http: HttpClient }) {
    this.name = settings.name
    this.uri = checkUri(settings)
    this.fallback = settings.fallback
    this.settings = settings
    this.#files = new IndexFiles({ parent: options.directory, repository: settings.name, work: options.work })
    const place = { parent: options.directory, repository: settings.name }
    this.published = new PublishedArchives({ ...place, trust: this.#trust() })
    this.#http = options.http
  }

  /** The index last seen, when the key that is pinned now signed it. It may have expired. */
  async known(): Promise<RepositoryState | undefined> {
    await this.#keeping.catch(() => undefined)
    const kept = this.#readKept()
    if (kept === undefined) return undefined
    return { index: kept.index, updated: this.#files.signedTime().toISOString() }
  }

  /**
   * The index, where its repository has said that it need not be asked yet, and has not been for as long. Whoever misses
   * something in it asks.
   */
  fresh(now: Date): TopIndex | undefined {
    // A large index is not opened only to be asked for all the same.
    if (!this.#files.isFresh(now, maxFreshMs)) return undefined
    const kept = this.#readKept()
    return kept === undefined || this.hasExpired(kept.index, now) ? undefined : kept.index
  }

  /**
   * Asks for the newest index, which costs one conditional request.
   * @throws PginstallError io_error, verification_failed, syntax_error
   */
  async refresh(signal: AbortSignal, now: Date): Promise<TopIndex> {
    const kept = this.#readKept()
    const answer = await this.#http.get(this.#url(topIndexPath), {
      maxBytes: maxTopIndexBytes,
      totalTimeoutMs: indexTimeLimitMs,
      etag: kept?.etag,
      signal,
    })
    // What nobody signed must come from this machine: to where its server sends us on, anybody may answer.
    if (this.settings.unsigned && !isLoopback(answer.url)) {
      throw this.#untrusted('unsigned index comes over a network', { detail: `It was redirected to "${answer.url}".` })
    }
    if (kept !== undefined && (answer.status === 304 || answer.text === kept.envelope)) {
      this.checkExpiry(kept.index, now)
      this.#files.touchSigned(now)
      return kept.index
    }
    const index = this.#open(answer.text)
    if (kept !== undefined) this.#checkProgress(index, kept.index)
    this.#checkClock(index, now)
    this.checkExpiry(index, now)
    this.#keeping = this.#files.keepSigned({ etag: answer.etag, envelope: answer.text, freshMs: answer.freshMs })
    // Whoever waits for it is told.
    this.#keeping.catch(() => undefined)
    return index
  }

  /**
   * Resolves when what refresh() has brought is safe on disk, where it keeps anything older from being taken: before that,
   * nothing may be placed by it.
   * @throws what the file system throws
   */
  indexKept(): Promise<void> {
    return this.#keeping
  }

  /** A signed index stays true for ever; which one is current is for whoever has seen a newer one to say. */
  #checkProgress(index: TopIndex, seen: TopIndex): void {
    if (index.version < seen.version) {
      throw this.#untrusted('index is older than the one seen before', {
        detail: `It has version ${index.version}, the one seen before has ${seen.version}.`,
        hint: 'Somebody may be replaying an old index. If the repository was set up anew, give it a new key.',
      })
    }
    if (index.version === seen.version && JSON.stringify(index) !== JSON.stringify(seen)) {
      throw this.#untrusted('index differs from the one seen before under the same version', {
        detail: `Both have version ${index.version}. The repository may be showing different indexes to different clients.`,
      })
    }
  }

  #checkClock(index: TopIndex, now: Date): void {
    if (Date.parse(index.published) <= now.getTime() + maxClockSkewMs) return
    throw this.#untrusted('index is from the future', {
      detail: `It was published at ${index.published}; it is ${now.toISOString()} here.`,
      hint: "Check this machine's clock, then ask who runs the repository.",
    })
  }

  /** A date that is none has passed. */
  hasExpired(index: TopIndex, now: Date): boolean {
    return !(Date.parse(index.expires) > now.getTime())
  }

  /** @throws PginstallError verification_failed */
  checkExpiry(index: TopIndex, now: Date): void {
    if (!this.hasExpired(index, now)) return
    throw this.#untrusted('index has expired', {
      detail: `It was good until ${index.expires}; it is ${now.toISOString()} here.`,
      hint: "Check this machine's clock, then ask who runs the repository.",
    })
  }

  /**
   * All that the index has under a short name; undefined when it has none. From disk when it was seen before.
   * @throws PginstallError io_error, verification_failed, syntax_error
   */
  async lookUp(index: TopIndex, short: string, signal: AbortSignal): Promise<NameIndex | undefined> {
    const digest = Object.hasOwn(index.names, short) ? index.names[short] : undefined
    if (digest === undefined) return undefined
    const seen = this.#files.readName(digest)
    const text = seen ?? (await this.#fetchName(digest, signal))
    const names = this.#trusting(() => parseNameIndex(text))
    if (names.name !== short) throw this.#untrusted(`index gives for "${short}" what belongs to "${names.name}"`)
    if (seen === undefined) this.#files.keepName(digest, text)
    return names
  }

  /**
   * Fetches the index files that are not on disk yet, of the short names that `isWanted` says, a few at a time, and removes
   * those that are wanted, or in the index, no more.
   * @throws PginstallError program_limit_exceeded, and what lookUp throws; what is on disk by then stays
   */
  async mirror(
    index: TopIndex,
    signal: AbortSignal,
    isWanted: (short: string) => boolean = () => true,
    maxBytes = maxMirrorBytes,
  ): Promise<void> {
    const names = Object.entries(index.names).filter(([short]) => isWanted(short))
    this.#files.sweepNames(names.map(([, digest]) => digest))
    let bytes = 0
    const worker = async () => {
      for (let next = names.pop(); next !== undefined; next = names.pop()) {
        if (bytes >= maxBytes) throw this.#tooLarge(maxBytes)
        const [name, digest] = next
        await this.lookUp(index, name, signal)
        bytes += this.#files.sizeOfName(digest)
      }
    }
    await Promise.all(Array.from({ length: maxMirrorRequests }, worker))
  }

  /**
   * What is on disk of the index last seen; all of it once it was mirrored. One file at a time, each once however many
   * names lead to it: what a repository publishes must not fill our memory, nor keep others waiting.
   */
  async *knownNames(signal: AbortSignal, maxBytes = maxMirrorBytes): AsyncGenerator<NameIndex> {
    const known = await this.known()
    const seen = new Set<string>()
    let bytes = 0
    for (const [short, digest] of Object.entries(known?.index.names ?? {})) {
      if (seen.has(digest)) continue
      seen.add(digest)
      const text = this.#files.readName(digest)
      if (text === undefined) continue
      bytes += text.length
      if (bytes > maxBytes) return
      const names = readable(text)
      if (names?.name === short) yield names
      await setImmediate(undefined, { signal })
    }
  }

  #tooLarge(maxBytes: number): PginstallError {
    const message = `could not keep all of the index of repository ${this.name}: it takes more than ${maxBytes} bytes`
    return new PginstallError('program_limit_exceeded', message, {
      hint: 'Searching shows what is on disk; what is not can be installed all the same. Ask who runs the repository.',
    })
  }

  archiveUrl(archive: IndexedArchive): string {
    return this.#url(archivePath(archive.sha256, archive.file))
  }

  /** Downloads an archive into a file that must not exist yet. Whoever calls checks the digest. */
  async download(archive: IndexedArchive, file: string, signal: AbortSignal): Promise<void> {
    await this.#http.download(this.archiveUrl(archive), { file, maxBytes: archive.size, signal })
  }

  async #fetchName(digest: string, signal: AbortSignal): Promise<string> {
    const { text } = await this.#http.get(this.#url(nameIndexPath(digest)), {
      maxBytes: maxNameIndexBytes,
      totalTimeoutMs: indexTimeLimitMs,
      signal,
    })
    if (sha256(text) !== digest) throw this.#untrusted('index file has other bytes than its digest says')
    return text
  }

  #readKept(): Kept | undefined {
    const text = this.#files.readSigned()
    if (text === undefined) return undefined
    const trust = this.#trust()
    const last = lastOpened.get(this.name)
    if (last?.text === text && last.trust === trust) return last.kept
    try {
      const read = parseJson(text, 'kept index') as SignedFile
      const kept = { ...read, index: this.#open(read.envelope) }
      if (text.length <= maxRememberedCharacters) lastOpened.set(this.name, { text, trust, kept })
      return kept
    } catch (cause) {
      // Signed by a key that is not pinned any more: the repository was given a new root of trust.
      if (cause instanceof PginstallError) return undefined
      throw cause
    }
  }

  #trust(): string {
    return JSON.stringify([this.settings.unsigned, this.settings.keys])
  }

  #open(envelope: string): TopIndex {
    const { unsigned, keys } = this.settings
    return this.#trusting(() => parseTopIndex(unsigned ? openUnsignedIndex(envelope) : openIndex(envelope, keys)))
  }

  /** Whatever is wrong with what a repository says is a reason not to trust it. */
  #trusting<T>(read: () => T): T {
    try {
      return read()
    } catch (cause) {
      if (!(cause instanceof PginstallError) || cause.is('invalid_parameter_value')) throw cause
      throw this.#untrusted(cause.message, cause.detail === undefined ? {} : { detail: cause.detail })
    }
  }

  #url(path: string): string {
    return new URL(path, this.uri).href
  }

  #untrusted(message: string, more: { detail?: string; hint?: string } = {}): PginstallError {
    return new PginstallError('verification_failed', `could not trust repository ${this.name}: ${message}`, {
      hint: 'Nothing was taken from it. Compare its key with the one in the settings, then ask who runs it.',
      ...more,
    })
  }
}

/** Undefined for what an earlier release took and this one would not: it must not stand in the way of the others. */
function readable(text: string): NameIndex | undefined {
  try {
    return parseNameIndex(text)
  } catch (cause) {
    if (cause instanceof PginstallError) return undefined
    throw cause
  }
}
