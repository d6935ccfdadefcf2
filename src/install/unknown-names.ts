// Names that no repository had a moment ago: whoever asks for them over and over makes us ask nobody.
import type { PginstallError } from '../model/errors.ts'

/** Short, since a person may be publishing the extension right now. */
const rememberedMs = 10_000
const maxRemembered = 10_000

export class UnknownNames {
  #answers = new Map<string, { error: PginstallError; until: number }>()

  /** The answer given before, while it counts. `key` is all that the answer depended on. */
  recall(key: string, now: Date): PginstallError | undefined {
    const answer = this.#answers.get(key)
    return answer !== undefined && answer.until > now.getTime() ? answer.error : undefined
  }

  remember(key: string, error: PginstallError, now: Date): void {
    if (this.#answers.size >= maxRemembered) this.#answers.clear()
    this.#answers.set(key, { error, until: now.getTime() + rememberedMs })
  }
}
