// Keeps the local copy of every repository's index, so that searching asks nobody and resolving asks as little as can be.
import type { Logger } from '../adapters/log.ts'
import type { RepositoryClient } from '../adapters/repository-client.ts'
import { reportError } from '../model/errors.ts'
import { isPossible, type Policy } from '../model/policy.ts'
import type { Service } from './service.ts'

const intervalMs = 3_600_000

type Mirrored = Pick<Service, 'repositories' | 'policy'>

export class IndexMirror {
  #read: () => Mirrored
  #log: Logger
  #signal: AbortSignal
  #running = false

  /** Updates now and every hour, until the signal aborts. Names that policy cannot allow are asked of nobody. */
  constructor(read: () => Mirrored, log: Logger, signal: AbortSignal) {
    this.#read = read
    this.#log = log
    this.#signal = signal
    const timer = setInterval(() => this.update({ refresh: true }), intervalMs)
    signal.addEventListener('abort', () => clearInterval(timer), { once: true })
    this.update({ refresh: true })
  }

  /** Brings what is missing on disk, in the background; with `refresh`, after asking for the newest index. */
  update({ refresh }: { refresh: boolean }): void {
    if (this.#running || this.#signal.aborted) return
    this.#running = true
    void this.#updateAll(refresh).finally(() => {
      this.#running = false
    })
  }

  async #updateAll(refresh: boolean): Promise<void> {
    try {
      // Side by side: a slow one holds up nobody but itself.
      const { repositories, policy } = this.#read()
      await Promise.all(repositories.map((repository) => this.#updateOne(repository, policy, refresh)))
    } catch (thrown) {
      this.#log.warn({ error: reportError(thrown) }, 'could not read the settings of the repositories')
    }
  }

  async #updateOne(repository: RepositoryClient, policy: Policy, refresh: boolean): Promise<void> {
    try {
      const index = refresh ? await repository.refresh(this.#signal, new Date()) : (await repository.known())?.index
      await repository.indexKept()
      if (index !== undefined) await repository.mirror(index, this.#signal, (short) => isPossible(short, policy))
    } catch (thrown) {
      if (!this.#signal.aborted)
        this.#log.warn({ repository: repository.name, error: reportError(thrown) }, 'could not update a repository')
    }
  }
}
