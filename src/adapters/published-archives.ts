// What a repository has given under the name of each archive that was fetched. Published once, its bytes are for ever: who
// changes them later changes what others have tested, or was let in.
import { readlinkSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { PginstallError } from '../model/errors.ts'
import type { IndexedArchive } from '../model/index.ts'
import { makeDirectory, makePrivateDirectory } from './files.ts'
import { sha256 } from './index-files.ts'

export class PublishedArchives {
  #repository: string
  #parents: string[]
  #directory: string

  /** `trust` is what makes us believe the repository: one set up anew, with a new key, begins anew here too. */
  constructor(options: { parent: string; repository: string; trust: string }) {
    this.#repository = options.repository
    this.#parents = [options.parent, join(options.parent, options.repository)]
    this.#directory = join(options.parent, options.repository, `archives-${sha256(options.trust).slice(0, 16)}`)
  }

  /** @throws PginstallError verification_failed where other bytes were fetched under the archive's name */
  check({ file, sha256: digest }: IndexedArchive): void {
    const known = this.#recall(file)
    if (known === undefined || known === digest) return
    const fault = `archive "${file}" has other bytes than when it was fetched before`
    throw new PginstallError('verification_failed', `could not trust repository ${this.#repository}: ${fault}`, {
      detail: `It had the SHA-256 ${known}; the index says ${digest} now.`,
      hint: 'A rebuild has a build number of its own. Ask who runs the repository; if it was set up anew, give it a new key.',
    })
  }

  /** To be called for what was verified. The first one counts. */
  remember({ file, sha256: digest }: IndexedArchive): void {
    if (this.#recall(file) !== undefined) return
    for (const path of this.#parents) makePrivateDirectory(path)
    makeDirectory(this.#directory)
    try {
      symlinkSync(digest, this.#link(file))
    } catch (cause) {
      // Another sidecar was faster.
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
    }
  }

  #recall(file: string): string | undefined {
    try {
      return readlinkSync(this.#link(file))
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
      return undefined
    }
  }

  /** An archive's name may be too long for a file's; a link that leads nowhere is made in one step, with its content. */
  #link(file: string): string {
    return join(this.#directory, sha256(file))
  }
}
