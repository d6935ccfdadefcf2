// Keeps the index from expiring while the server runs, and the storage free of what killed uploads left.
import type { ArchiveStorage } from '../adapters/archive-storage.ts'
import type { Database } from '../adapters/database.ts'
import type { Logger } from '../adapters/log.ts'
import { type IndexSigning, keepIndexFresh, renewalTime } from '../repository/index-publication.ts'

type Upkeep = { database: Database; storage: ArchiveStorage; signing: IndexSigning; log: Logger; now(): Date }

/** Another process, or a new clock, may have changed what was found. */
const maxPauseMs = 3_600_000
const minPauseMs = 50
/** A failure is tried again so many times before half of the index's time is over. */
const attempts = 50

/** Signs now what has to be, and goes on doing so. The result ends it. */
export async function startIndexRenewal(upkeep: Upkeep): Promise<() => void> {
  let timer: NodeJS.Timeout | undefined
  let ended = false
  const schedule = (pauseMs: number) => {
    if (!ended) timer = setTimeout(() => void run(), Math.min(Math.max(pauseMs, minPauseMs), maxPauseMs))
  }
  const run = async () => {
    try {
      schedule(await tend(upkeep))
    } catch (cause) {
      upkeep.log.error({ err: cause }, 'could not renew the index')
      schedule(upkeep.signing.periodMs / 2 / attempts)
    }
  }
  schedule(await tend(upkeep))
  return () => {
    ended = true
    clearTimeout(timer)
  }
}

/** Milliseconds until the next time. */
async function tend({ database, storage, signing, now }: Upkeep): Promise<number> {
  const publication = await keepIndexFresh(database, signing, now())
  await storage.removeAbandoned(now())
  return renewalTime(publication, signing).getTime() - now().getTime()
}
