// transfer-client.ts ENGINE JOBS: carries out the jobs of a file by our addon or by Node's fetch, in a process of its own,
// and says what it took. Time runs from the first request, since a sidecar is up already; loading libcurl is in it.
import { createWriteStream, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { transfer } from '../native/index.ts'
import type { Job, Taken } from './transfer.ts'

/** As many as the addon has under way. */
const maxFetches = 64
/** A body that is kept whole before it is written, bytes. */
const maxWholeBytes = 1024 ** 2
const maxBytes = 2 * 1024 ** 3
const timeoutMs = 60_000

async function byAddon({ url, file }: Job): Promise<void> {
  const { status } = await transfer({
    url,
    maxBytes,
    connectTimeoutMs: timeoutMs,
    stallTimeoutMs: timeoutMs,
    sink: { file },
  })
  if (status !== 200) throw new Error(`${url} answered ${status}`)
}

async function byFetch({ url, file }: Job): Promise<void> {
  const response = await fetch(url)
  if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`)
  if (Number(response.headers.get('content-length')) <= maxWholeBytes) await writeFile(file, await response.bytes())
  else await pipeline(Readable.fromWeb(response.body), createWriteStream(file))
}

async function fetchAll(jobs: Job[]): Promise<void> {
  const left = jobs.toReversed()
  const work = async () => {
    for (let job = left.pop(); job !== undefined; job = left.pop()) await byFetch(job)
  }
  await Promise.all(Array.from({ length: maxFetches }, work))
}

const [engine, file = ''] = process.argv.slice(2)
const jobs = JSON.parse(readFileSync(file, 'utf8')) as Job[]
const started = performance.now()
const before = process.cpuUsage()
if (engine === 'fetch') await fetchAll(jobs)
else await Promise.all(jobs.map(byAddon))
const { user, system } = process.cpuUsage(before)
const taken: Taken = { wallMs: performance.now() - started, cpuMs: (user + system) / 1000 }
process.stdout.write(`${JSON.stringify(taken)}\n`)
