// What the sidecar costs a machine on which nobody creates an extension.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { packagePath } from '../src/adapters/package-root.ts'
import { serviceUser } from '../test/helpers/os-users.ts'
import type { Stage } from '../test/helpers/stage.ts'
import type { TemporaryDirectory } from '../test/helpers/temporary-directory.ts'
import type { Benchmark, Cast } from './cast.ts'
import { defaultRuns, figure } from './figures.ts'

/** Until it has brought its copy of the index up to date, and prepared itself for the first request. */
const settleMs = 2_000
const watchMs = 3_000
const startLimitMs = 30_000

type Started = { readyMs: number; pid: number; stop(): Promise<void> }

/** From the start of the process until it says that it listens. */
async function startTimed(configDirectory: string): Promise<Started> {
  const started = performance.now()
  const child = spawn(process.execPath, [packagePath('dist/src/cli/main.js'), 'sidecar'], {
    env: { ...process.env, PGINSTALL_CONFIG_DIR: configDirectory },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = once(child, 'exit')
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  while (!said.includes('listening on')) {
    await once(child.stderr, 'data', { signal: AbortSignal.timeout(startLimitMs) })
  }
  return {
    readyMs: performance.now() - started,
    pid: child.pid as number,
    async stop() {
      child.kill()
      await ended
    },
  }
}

/** A sidecar beside the stage's own, with its settings, started anew for each run. */
async function forEachStart<T>(cast: Cast, watch: (started: Started) => Promise<T>): Promise<T[]> {
  const { stage } = await cast.prefixStage()
  const configDirectory = settingsBeside(stage, cast.directory)
  const seen: T[] = []
  for (let run = 0; run < defaultRuns; run++) {
    const started = await startTimed(configDirectory)
    const stop = cast.untilClosed(started.stop)
    try {
      seen.push(await watch(started))
    } finally {
      await stop()
    }
  }
  return seen
}

/** The stage's settings with another socket and another store. */
function settingsBeside(stage: Stage, directory: TemporaryDirectory): string {
  const configDirectory = directory.make('sidecar/etc')
  cpSync(stage.configDirectory, configDirectory, { recursive: true })
  const file = join(configDirectory, 'pginstall.conf')
  const socket = join(directory.make('sidecar/run', serviceUser), 'sidecar')
  const state = directory.make('sidecar/state', serviceUser)
  const settings = readFileSync(file, 'utf8')
    .replace(/^socket = .*$/m, `socket = '${socket}'`)
    .replace(/^directory = .*$/m, `directory = '${state}'`)
  writeFileSync(file, settings)
  return configDirectory
}

export const sidecarReady: Benchmark = async (cast) => [
  figure('sidecar-ready', 'ms', await forEachStart(cast, async ({ readyMs }) => readyMs)),
]

export const sidecarRss: Benchmark = async (cast) => {
  const seen = await forEachStart(cast, async ({ pid }) => {
    await delay(settleMs)
    const before = cpuMs(pid)
    const from = performance.now()
    await delay(watchMs)
    const seconds = (performance.now() - from) / 1000
    return { cpu: (cpuMs(pid) - before) / seconds, rss: residentMegabytes(pid) }
  })
  return [
    figure(
      'sidecar-rss',
      'MB',
      seen.map(({ rss }) => rss),
    ),
    figure(
      'sidecar-rss-cpu',
      'ms/s',
      seen.map(({ cpu }) => cpu),
    ),
  ]
}

/** As in postgresql.conf: 1 MB is 1024 kB. */
function residentMegabytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kibibytes) / 1024
}

/** All threads, to the nanosecond: /proc/PID/stat counts in hundredths of a second. */
function cpuMs(pid: number): number {
  const tasks = `/proc/${pid}/task`
  const times = readdirSync(tasks).map((task) =>
    Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]),
  )
  return times.reduce((sum, time) => sum + time, 0) / 1e6
}
