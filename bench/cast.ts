// What benchmarks share: set up when the first of them wants it, taken away at the end.
import { makeTemporaryDirectory, type TemporaryDirectory } from '../test/helpers/temporary-directory.ts'
import type { Figure } from './figures.ts'
import { type PrefixStage, setPrefixStage } from './prefix-stage.ts'

export type Cast = {
  /** For whatever a benchmark needs besides. */
  directory: TemporaryDirectory
  prefixStage(): Promise<PrefixStage>
  /** Has something ended at the latest when all is over, also by a signal. Answers with what ends it at once. */
  untilClosed(end: () => Promise<void>): () => Promise<void>
  close(): Promise<void>
}

/** Its main figure has the name that it is asked for by; what is reported beside it begins with that name. */
export type Benchmark = (cast: Cast) => Promise<Figure[]>

export function gatherCast(): Cast {
  const directory = makeTemporaryDirectory('bench')
  const running = new Set<() => Promise<void>>()
  let stage: Promise<PrefixStage> | undefined
  let closing: Promise<void> | undefined
  const untilClosed = (end: () => Promise<void>) => {
    const endOnce = async () => {
      if (running.delete(endOnce)) await end()
    }
    running.add(endOnce)
    return endOnce
  }
  const closeAll = async () => {
    for (const end of [...running].toReversed()) await end()
    directory.remove()
  }
  return {
    directory,
    untilClosed,
    prefixStage() {
      stage ??= setPrefixStage().then((set) => {
        untilClosed(set.close)
        return set
      })
      return stage
    },
    close() {
      // A signal may come while it is at work, or the end while a signal is.
      closing ??= closeAll()
      return closing
    },
  }
}
