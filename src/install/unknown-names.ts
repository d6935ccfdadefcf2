// Names that no repository had a moment ago: whoever asks for them over and over makes us ask nobody.
import { PginstallError } from '../model/errors.ts'

/** Short, since a person may be publishing the extension right now. */
const rememberedMs = 10_000
const maxRemembered = 10_000

export class UnknownNames {
  #answers = new Map<string, { error: PginstallError; until: number }>()

  /** What `resolve` says, or said a moment ago when it was that there is no such name. `key` is all that it depends on. */
  async resolve<T>(key: string, now: Date, resolve: () => Promise<T>): Promise<T> {
    const before = this.#answers.get(key)
    if (before !== undefined && before.until > now.getTime()) throw before.error
    try {
      return await resolve()
    } catch (cause) {
      if (cause instanceof PginstallError && cause.is('undefined_extension')) this.#remember(key, cause, now)
      throw cause
    }
  }

  #remember(key: string, error: PginstallError, now: Date): void {
    if (this.#answers.size >= maxRemembered) this.#answers.clear()
    this.#answers.set(key, { error, until: now.getTime() + rememberedMs })
  }
}
