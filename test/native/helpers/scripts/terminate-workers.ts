// terminate-workers.js URL: the URL's body has no end.
import { once } from 'node:events'
import { argv, stdout } from 'node:process'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { transfer } from '../../../../native/index.ts'

const limits = { maxBytes: Number.MAX_SAFE_INTEGER, connectTimeoutMs: 5_000, stallTimeoutMs: 5_000, proxy: '' }

async function terminateWorkers(url: string): Promise<void> {
  const workers = Array.from({ length: 4 }, () => new Worker(new URL(import.meta.url), { workerData: url }))
  await Promise.all(
    workers.map(async (worker) => {
      await once(worker, 'message')
      await worker.terminate()
    }),
  )
  // The addon must still work here, after the last worker that used it is gone.
  const controller = new AbortController()
  let received = 0
  const chunks = (chunk: Buffer) => {
    received = Math.min(100_000, received + chunk.length)
    if (received === 100_000) controller.abort()
  }
  await transfer({ ...limits, url, sink: { chunks }, signal: controller.signal }).catch(() => {})
  stdout.write(`terminated ${workers.length} workers, then received ${received} bytes\n`)
}

/** Several streams, and short transfers without end, so that termination meets every kind of event. */
async function transferForEver(url: string): Promise<void> {
  const chunks = () => parentPort?.postMessage('under way')
  const onProgress = () => {}
  for (let count = 0; count < 4; count++) void transfer({ ...limits, url, sink: { chunks }, onProgress })
  for (;;) await transfer({ ...limits, url, maxBytes: 100_000 }).catch(() => {})
}

await (isMainThread ? terminateWorkers(argv[2] ?? '') : transferForEver(workerData))
