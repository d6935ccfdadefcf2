// What could not be had a moment ago: whoever asks for it over and over makes us ask nobody.
import { createHash } from 'node:crypto'
import { type Condition, PginstallError } from '../model/errors.ts'
import type { Circumstances } from './resolve.ts'

/** Short, since a person may be publishing the extension right now. */
const rememberedMs = 10_000
const maxRemembered = 10_000

/** What an answer depends on: settings that are changed hold at once, and nobody gets what another role was told. */
export function keyOf(question: unknown, circumstances: Circumstances): string {
  const { repositories, asker, policy, prefer, server } = circumstances
  const settings = repositories.map((repository) => repository.settings)
  const all = JSON.stringify([question, settings, asker, policy, prefer, server])
  // Many are kept, and a policy may be long.
  return createHash('sha256').update(all).digest('base64')
}

export class UnknownNames {
  #answers = new Map<string, { error: PginstallError; until: number }>()

  /**
   * What `resolve` says, or said a moment ago when it was an error of these. `key` is all that it depends on. Without
   * `kinds`, every error is remembered but that nobody waits any more.
   */
  async resolve<T>(key: string, now: Date, resolve: () => Promise<T>, kinds?: Condition[]): Promise<T> {
    const before = this.#answers.get(key)
    if (before !== undefined && before.until > now.getTime()) throw before.error
    try {
      return await resolve()
    } catch (cause) {
      if (!(cause instanceof PginstallError)) throw cause
      if (kinds === undefined ? !cause.is('query_canceled') : kinds.some((kind) => cause.is(kind)))
        this.#remember(key, cause, now)
      throw cause
    }
  }

  #remember(key: string, error: PginstallError, now: Date): void {
    if (this.#answers.size >= maxRemembered) this.#answers.clear()
    this.#answers.set(key, { error, until: now.getTime() + rememberedMs })
  }
}
