// Transfers by our addon, against the curl command and Node's fetch, from a web server on loopback into files.
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, mkdirSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { packagePath } from '../src/adapters/package-root.ts'
import type { Benchmark, Cast } from './cast.ts'
import { type Figure, figure, takeInTurn } from './figures.ts'
import { startWebServer } from './web-server.ts'

export type Job = { url: string; file: string }
export type Taken = { wallMs: number; cpuMs: number }

type Load = { name: string; files: number; bytes: number; curlOptions: string[] }

const blockBytes = 1024 ** 2

export const transferLarge: Benchmark = (cast) =>
  measure(cast, { name: 'transfer-large', files: 1, bytes: 1024 ** 3, curlOptions: [] })

export const transferSmall: Benchmark = (cast) =>
  measure(cast, { name: 'transfer-small', files: 10_000, bytes: 10 * 1024, curlOptions: ['--parallel'] })

async function measure({ directory, untilClosed }: Cast, load: Load): Promise<Figure[]> {
  const source = directory.make(`${load.name}/source`)
  for (let i = 0; i < load.files; i++) writeRandomFile(join(source, `${i}`), load.bytes)
  const server = await startWebServer(directory, source)
  const stop = untilClosed(server.stop)
  try {
    const target = join(directory.path, load.name, 'target')
    const jobs = Array.from({ length: load.files }, (_, i) => ({
      url: `${server.uri}${i}`,
      file: join(target, `${i}`),
    }))
    const list = join(directory.path, load.name, 'jobs')
    writeFileSync(`${list}.json`, JSON.stringify(jobs))
    writeFileSync(`${list}.curl`, jobs.map(({ url, file }) => `url = "${url}"\noutput = "${file}"\n`).join(''))
    const side = (run: () => Promise<Taken>) => () => intoFreshDirectory(target, load, run)
    const samples = await takeInTurn({
      ours: side(() => runClient('addon', `${list}.json`)),
      curl: side(() => runCurl(load, `${list}.curl`)),
      fetch: side(() => runClient('fetch', `${list}.json`)),
    })
    return compare(load.name, samples)
  } finally {
    await stop()
    rmSync(join(directory.path, load.name), { recursive: true })
  }
}

function compare(name: string, samples: Record<'ours' | 'curl' | 'fetch', Taken>[]): Figure[] {
  const ratio = (suffix: string, side: 'ours' | 'fetch', of: keyof Taken, versus: string) =>
    figure(
      name + suffix,
      'ratio',
      samples.map((sample) => sample[side][of] / sample.curl[of]),
      versus,
    )
  return [
    ratio('', 'ours', 'wallMs', 'the curl command'),
    ratio('-cpu', 'ours', 'cpuMs', 'CPU time of the curl command'),
    ratio('-fetch', 'fetch', 'wallMs', 'the curl command; what is timed is Node’s fetch'),
    ratio('-fetch-cpu', 'fetch', 'cpuMs', 'CPU time of the curl command; what is timed is Node’s fetch'),
    figure(
      `${name}-ours`,
      'ms',
      samples.map(({ ours }) => ours.wallMs),
    ),
  ]
}

/** Throws unless everything has arrived: a client that gives up early is fast. */
async function intoFreshDirectory(target: string, load: Load, run: () => Promise<Taken>): Promise<Taken> {
  mkdirSync(target)
  try {
    const taken = await run()
    for (let i = 0; i < load.files; i++) {
      const { size } = statSync(join(target, `${i}`))
      if (size !== load.bytes) throw new Error(`${load.name}: file ${i} has ${size} bytes in place of ${load.bytes}`)
    }
    return taken
  } finally {
    rmSync(target, { recursive: true })
  }
}

async function runClient(engine: 'addon' | 'fetch', jobs: string): Promise<Taken> {
  const program = packagePath('dist/bench/transfer-client.js')
  const { stdout } = await promisify(execFile)(process.execPath, [program, engine, jobs])
  return JSON.parse(stdout) as Taken
}

async function runCurl({ curlOptions }: Load, config: string): Promise<Taken> {
  const timed = 'TIMEFORMAT="%R %U %S"; time curl -q -sS --fail "$@"'
  const { stderr } = await promisify(execFile)('bash', ['-c', timed, 'bash', ...curlOptions, '-K', config])
  // Whatever it is told, curl --parallel shows a meter first.
  const times = /(\d+\.\d+) (\d+\.\d+) (\d+\.\d+)\n$/.exec(stderr)?.slice(1).map(Number)
  if (times === undefined) throw new Error(`could not read the times of curl in:\n${stderr}`)
  const [real = 0, user = 0, system = 0] = times
  return { wallMs: real * 1000, cpuMs: (user + system) * 1000 }
}

function writeRandomFile(path: string, bytes: number): void {
  const block = randomBytes(Math.min(bytes, blockBytes))
  const file = openSync(path, 'w', 0o644)
  try {
    for (let left = bytes; left > 0; left -= block.length) writeSync(file, block)
  } finally {
    closeSync(file)
  }
}
