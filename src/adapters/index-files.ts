// What is kept on disk of one repository's index: the signed file last seen, and the index files of names.
import { createHash } from 'node:crypto'
import { readdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { makeDirectory, makePrivateDirectory, readIfThere, replaceCachedFile, replaceFile } from './files.ts'

/** The signed file as it came, the tag to ask for it again, and for how long that is not called for. */
export type SignedFile = { etag: string | undefined; envelope: string; freshMs: number }

/** Where the signed file says for how long it is fresh: before anything that its repository has written. */
const maxHeadCharacters = 32
/** What the smallest file takes on a disk: a million tiny ones fill it too. */
const diskBlockBytes = 4096

export class IndexFiles {
  #parent: string
  #directory: string
  #names: string
  #work: string
  #signed: string

  /** `parent` has a directory for each repository; `work` is for what is half written. */
  constructor(options: { parent: string; repository: string; work: string }) {
    this.#parent = options.parent
    this.#directory = join(options.parent, options.repository)
    this.#names = join(this.#directory, 'names')
    this.#work = options.work
    this.#signed = join(this.#directory, 'current.json')
  }

  /** A SignedFile as JSON, unless somebody else wrote it. */
  readSigned(): string | undefined {
    return readIfThere(this.#signed)
  }

  /** Resolves when it is safe on disk. */
  async keepSigned(file: SignedFile): Promise<void> {
    this.#makeDirectories()
    const { freshMs, etag, envelope } = file
    await replaceFile(this.#signed, JSON.stringify({ freshMs, etag, envelope }), this.#work)
  }

  /** When it was last good is for people to see: what is in the store installs from a disk that takes no writes. */
  touchSigned(now: Date): void {
    try {
      utimesSync(this.#signed, now, now)
    } catch {}
  }

  /** Whether it is not older than it may be, by what was said with it and by `maxMs`. */
  isFresh(now: Date, maxMs: number): boolean {
    const freshMs = /"freshMs":(\d+)/.exec(this.readSigned()?.slice(0, maxHeadCharacters) ?? '')?.[1]
    if (freshMs === undefined) return false
    const ageMs = now.getTime() - this.signedTime().getTime()
    return ageMs >= 0 && ageMs < Math.min(Number(freshMs), maxMs)
  }

  /** When it was last good. */
  signedTime(): Date {
    return statSync(this.#signed).mtime
  }

  /** Undefined too for a file that has not the digest any more. */
  readName(digest: string): string | undefined {
    const text = readIfThere(this.#nameFile(digest))
    return text !== undefined && sha256(text) === digest ? text : undefined
  }

  keepName(digest: string, text: string): void {
    this.#makeDirectories()
    makeDirectory(this.#names)
    replaceCachedFile(this.#nameFile(digest), text, this.#work)
  }

  /** Bytes that it takes on disk. */
  sizeOfName(digest: string): number {
    const size = statSync(this.#nameFile(digest), { throwIfNoEntry: false })?.size ?? 0
    return Math.ceil(size / diskBlockBytes) * diskBlockBytes
  }

  /** Removes all but these. */
  sweepNames(digests: Iterable<string>): void {
    if (statSync(this.#names, { throwIfNoEntry: false }) === undefined) return
    const wanted = new Set([...digests].map((digest) => this.#nameFile(digest)))
    for (const entry of readdirSync(this.#names)) {
      const file = join(this.#names, entry)
      if (!wanted.has(file)) rmSync(file, { force: true })
    }
  }

  #nameFile(digest: string): string {
    return join(this.#names, `${digest}.json`)
  }

  /** The names of what a private repository has are not for every OS user to read. */
  #makeDirectories(): void {
    for (const path of [this.#parent, this.#directory]) makePrivateDirectory(path)
    makeDirectory(this.#work)
  }
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
