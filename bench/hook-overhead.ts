// What the hook costs those who never create an extension: instructions of a backend, counted by callgrind, since what a
// switch costs drowns in the noise of any clock.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { PgConfig } from '../src/adapters/pg-config.ts'
import { changesForSetup } from '../src/cluster/setting-values.ts'
import { startCluster } from '../test/helpers/cluster.ts'
import { serverUser, spawnAs } from '../test/helpers/os-users.ts'
import { makePrivateInstallation } from '../test/helpers/private-installation.ts'
import type { TemporaryDirectory } from '../test/helpers/temporary-directory.ts'
import type { Benchmark } from './cast.ts'
import { type Figure, figure, takeInTurn } from './figures.ts'

const transactions = 10_000
/** As "pginstall setup" makes them: PostgreSQL reads them in all sessions, whether they have the hook or not. */
const ofSetup = changesForSetup(
  {},
  {
    libraryDirectory: '/var/lib/pginstall/main/lib',
    socket: '/run/pginstall/main.sock',
    directory: '/var/lib/pginstall',
    sidecarUser: 'pginstall',
    shared: false,
  },
).flatMap(({ name, value }) => (typeof value === 'string' ? [[name, value]] : []))
const settings = { autovacuum: 'off', ...Object.fromEntries(ofSetup) }
/** Long enough to make a second or so. */
const timedTransactions = 20_000
const startLimitMs = 60_000
const exitLimitMs = 60_000

/** Arguments of pgbench. */
type Load = string[]
type Server = { socketDirectory: string; pgbench: string }

export const hookOverhead: Benchmark = async ({ directory, untilClosed }) => {
  const installation = await makePrivateInstallation(directory.make('hook/postgresql'))
  const cluster = await startCluster(directory, installation, settings, 'hook/cluster')
  const stop = untilClosed(cluster.stop)
  const server: Server = { ...cluster, pgbench: join(installation.bindir, 'pgbench') }
  const utilityScript = join(directory.path, 'hook/utility.sql')
  writeFileSync(utilityScript, "SET application_name = 'bench';\n")
  const utility = ['-f', utilityScript]
  const select = ['-S']
  let rates: Figure
  try {
    pgbench(server, ['-i', '-q', '-s', '5'], true)
    rates = await compareRates(server, select)
  } finally {
    await stop()
  }
  const counted = await startCounting(directory, installation)
  const stopCounting = untilClosed(counted.stop)
  try {
    const ofUtility = await compareInstructions('hook-overhead-utility', server, counted, utility)
    const ofSelect = await compareInstructions('hook-overhead-select', server, counted, select)
    const worse = ofUtility.value > ofSelect.value ? ofUtility : ofSelect
    return [{ ...worse, name: 'hook-overhead' }, ofUtility, ofSelect, rates]
  } finally {
    await stopCounting()
  }
}

async function compareRates(server: Server, load: Load): Promise<Figure> {
  const rate = (hook: boolean) => async () => {
    const said = pgbench(server, ['-n', '-t', `${timedTransactions}`, ...load], hook)
    return Number(/^tps = ([\d.]+)/m.exec(said)?.[1])
  }
  const samples = await takeInTurn({ loaded: rate(true), without: rate(false) })
  const ratios = samples.map(({ loaded, without }) => loaded / without)
  return figure('hook-overhead-tps', 'ratio', ratios, 'transactions a second without the hook, by pgbench -S')
}

async function compareInstructions(name: string, server: Server, counted: Counting, load: Load): Promise<Figure> {
  const count = (hook: boolean) => async () => {
    pgbench(server, ['-n', '-t', `${transactions}`, ...load], hook)
    return counted.take()
  }
  // Pages are read and hint bits are set by whoever comes first.
  await count(true)()
  const samples = await takeInTurn({ loaded: count(true), without: count(false) })
  const ratios = samples.map(({ loaded, without }) => loaded / without)
  return figure(name, 'ratio', ratios, 'instructions without the hook')
}

/** One client, with the hook in its session or not. */
function pgbench(server: Server, args: string[], hook: boolean): string {
  const libraries = hook ? 'pginstall' : ''
  return execFileSync(server.pgbench, ['-h', server.socketDirectory, '-U', 'postgres', ...args, 'postgres'], {
    encoding: 'utf8',
    env: { ...process.env, PGOPTIONS: `-c session_preload_libraries=${libraries}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

type Counting = {
  /** Instructions of the backends that have ended since it was last asked. */
  take(): Promise<number>
  stop(): Promise<void>
}

/** The cluster's data again, under callgrind; it counts what happens below PostgresMain, in each backend for itself. */
async function startCounting(directory: TemporaryDirectory, installation: PgConfig): Promise<Counting> {
  const results = directory.make('hook/callgrind', serverUser)
  const options = ['--tool=callgrind', '--quiet', '--toggle-collect=PostgresMain']
  const data = join(directory.path, 'hook/cluster/data')
  const socket = join(directory.path, 'hook/cluster/socket')
  const program = join(installation.bindir, 'postgres')
  const server = spawn('valgrind', [...options, `--callgrind-out-file=${join(results, '%p')}`, program, '-D', data], {
    ...spawnAs(serverUser),
    cwd: data,
    stdio: 'ignore',
  })
  const ended = once(server, 'exit')
  const helpers = () => readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8').trim()
  await until(startLimitMs, 'PostgreSQL did not start under valgrind', () => answers(socket))
  await delay(settleMs)
  const idle = helpers()
  const take = async () => {
    await until(exitLimitMs, 'a backend did not end', () => helpers() === idle)
    let sum = 0
    for (const name of readdirSync(results)) {
      sum += Number(/^summary: (\d+)$/m.exec(readFileSync(join(results, name), 'utf8'))?.[1] ?? 0)
      rmSync(join(results, name))
    }
    if (sum === 0) throw new Error('callgrind has counted nothing')
    return sum
  }
  await take()
  return {
    take,
    async stop() {
      server.kill('SIGINT')
      await ended
    },
  }
}

/** For the postmaster's helpers to be started, and the probe's backend to be gone. */
const settleMs = 3_000

function answers(socketDirectory: string): boolean {
  try {
    execFileSync('psql', ['-X', '-h', socketDirectory, '-U', 'postgres', '-c', 'SELECT 1', 'postgres'], {
      stdio: 'ignore',
    })
    return true
  } catch {
    return false
  }
}

async function until(limitMs: number, otherwise: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + limitMs
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(otherwise)
    await delay(50)
  }
}
