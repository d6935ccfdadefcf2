// What benchmarks share: set up when the first of them wants it, taken away at the end.
import { makeTemporaryDirectory, type TemporaryDirectory } from '../test/helpers/temporary-directory.ts'
import type { Figure } from './figures.ts'
import { type PrefixStage, setPrefixStage } from './prefix-stage.ts'

export type Cast = {
  /** For whatever a benchmark needs besides. */
  directory: TemporaryDirectory
  prefixStage(): Promise<PrefixStage>
  close(): Promise<void>
}

/** Its main figure has the name that it is asked for by; what is reported beside it begins with that name. */
export type Benchmark = (cast: Cast) => Promise<Figure[]>

export function gatherCast(): Cast {
  const directory = makeTemporaryDirectory('bench')
  let stage: Promise<PrefixStage> | undefined
  return {
    directory,
    prefixStage() {
      stage ??= setPrefixStage()
      return stage
    },
    async close() {
      // A stage that could not be set up has said so where it was wanted.
      await stage?.then(
        (set) => set.close(),
        () => undefined,
      )
      directory.remove()
    },
  }
}
