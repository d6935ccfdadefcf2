// pginstall server: starts, stops and shows the repository server, with the habits of pg_ctl.
import { spawn } from 'node:child_process'
import { extname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { dropRoot } from '../../adapters/privileges.ts'
import { describeCause, type ErrorReport, errorFromReport, PginstallError, reportError } from '../../model/errors.ts'
import { openLogFile, prepareDirectories } from '../../server/data-directory.ts'
import type { RepositoryServerOptions } from '../../server/main.ts'
import { type Answers, isRunning, readServerState } from '../../server/state-file.ts'
import type { CliContext } from '../context.ts'
import { addServerSetupCommand } from './server-setup.ts'

/** What a server that starts tells who has started it. */
type Report = { ready: string } | { failed: ErrorReport }

const exitNotRunning = 3
const exitNotAnswering = 4
const stopTimeLimitMs = 120_000
const stopIntervalMs = 20
const statusTimeLimitMs = 10_000
const maxStatusBytes = 65_536

export function addServerCommand(program: Command, context: CliContext): void {
  const server = program.command('server').description('run the repository server')
  server
    .command('start')
    .description('start it, and return when it answers; its log is server.log in its data directory')
    .option('--foreground', 'stay, and log to standard error')
    .action(({ foreground }: { foreground?: true }) => (foreground ? serve(context) : start(context)))
  server
    .command('stop')
    .description('stop it, and return when it has ended')
    .action(() => stop(context))
  server
    .command('status')
    .description('show its address, its public key and how much it has')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExit status: 0 when it runs, 3 when it does not, 4 when it runs but does not answer.')
    .action(({ json }: { json?: true }) => showStatus(context, json ?? false))
  addServerSetupCommand(server, context)
}

function serverOptions(context: CliContext): RepositoryServerOptions {
  const settings = context.settings()
  return {
    dataDirectory: settings.server_directory,
    listenAddress: settings.listen_address,
    listenPort: settings.listen_port,
    serverUri: settings.server_uri,
    archivePath: settings.archive_path,
    dburi: settings.dburi,
    pgConfig: settings.pg_config,
    user: settings.repository_user,
    maxArchiveBytes: settings.max_archive_size,
    indexMaxAgeMs: settings.index_max_age,
    adminTokenFile: settings.admin_token_file,
    signal: context.signal,
  }
}

/** The server itself. What is in the package is read before rights are dropped: the user may not be able to. */
async function serve(context: CliContext): Promise<void> {
  try {
    const { loadLazyModules, startRepositoryServer } = await import('../../server/main.ts')
    await loadLazyModules()
    const options = serverOptions(context)
    await prepareDirectories(options)
    if (options.user) dropRoot(options.user)
    process.umask(0o027)
    const server = await startRepositoryServer(options)
    context.progress(`pginstall server: listening on ${server.uri}`)
    tellStarter({ ready: server.uri })
    context.serviceManager.ready(context.signal)
    const ended = new Promise<'asked'>((resolve) => {
      if (context.signal.aborted) resolve('asked')
      context.signal.addEventListener('abort', () => resolve('asked'))
    })
    const why = await Promise.race([ended, server.lost])
    await server.close()
    if (why !== 'asked') throw new PginstallError('io_error', 'private cluster has ended')
    // To be stopped is how a server ends well.
    context.exitStatus(0)
  } catch (thrown) {
    tellStarter({ failed: reportError(thrown) })
    throw thrown
  }
}

function tellStarter(report: Report): void {
  if (!process.connected) return
  process.send?.(report)
  process.disconnect()
}

/** Starts the server as a process of its own and waits for its word. */
async function start(context: CliContext): Promise<void> {
  const options = serverOptions(context)
  await prepareDirectories(options)
  const log = await openLogFile(options)
  const program = fileURLToPath(new URL(`../main${extname(import.meta.url)}`, import.meta.url))
  const child = spawn(process.execPath, [...process.execArgv, program, 'server', 'start', '--foreground'], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
  })
  await log.close()
  const abort = () => child.kill('SIGTERM')
  context.signal.addEventListener('abort', abort, { once: true })
  const report = await new Promise<Report>((resolve, reject) => {
    child.once('error', reject)
    child.once('message', (message) => resolve(message as Report))
    child.once('exit', (status, by) => {
      resolve({
        failed: { sqlstate: '58000', message: `server ended with ${by ?? `status ${status}`} before it answered` },
      })
    })
  })
  context.signal.removeEventListener('abort', abort)
  if ('failed' in report) throw errorFromReport(report.failed)
  child.unref()
  context.progress(`pginstall server: listening on ${report.ready}`)
}

async function stop(context: CliContext): Promise<void> {
  const { server_directory: directory } = context.settings()
  const state = await readServerState(directory)
  if (state === undefined) {
    throw new PginstallError('undefined_file', `no repository server is running on "${directory}"`, {
      hint: 'Setting "server_directory" says whose server is meant: pginstall config server_directory',
    })
  }
  process.kill(state.pid, 'SIGTERM')
  const limit = AbortSignal.timeout(stopTimeLimitMs)
  while (isRunning(state)) {
    if (limit.aborted)
      throw new PginstallError('io_error', 'server does not stop', { detail: `Its process id is ${state.pid}.` })
    await delay(stopIntervalMs, undefined, { signal: context.signal })
  }
  context.progress('pginstall server: stopped')
}

async function showStatus(context: CliContext, json: boolean): Promise<void> {
  const { server_directory: directory } = context.settings()
  const state = await readServerState(directory)
  if (state?.answers === undefined) {
    const starting = state !== undefined
    context.exitStatus(starting ? exitNotAnswering : exitNotRunning)
    if (json) context.out(JSON.stringify({ running: starting, ...(starting ? { pid: state.pid } : {}) }))
    else
      context.out(
        starting ? `server is starting (process id ${state.pid})` : `no repository server is running on "${directory}"`,
      )
    return
  }
  const { uri, publicKey } = state.answers
  const contents = await askStatus(context, state.answers).catch((cause: unknown) => {
    context.exitStatus(exitNotAnswering)
    return { fault: describeCause(cause) }
  })
  if (json) context.out(JSON.stringify({ running: true, pid: state.pid, uri, publicKey, ...contents }, null, 2))
  else for (const line of describeStatus(state.pid, uri, publicKey, contents)) context.out(line)
}

type Contents = { extensions: number; releases: number; archives: number; index: { version: number; expires: string } }

async function askStatus(context: CliContext, { localUri }: Answers): Promise<Contents> {
  const { createHttpClient } = await import('../../adapters/http-client.ts')
  const http = createHttpClient({ connectTimeoutMs: statusTimeLimitMs, stallTimeoutMs: statusTimeLimitMs })
  const { text } = await http.get(new URL('status', localUri).href, {
    maxBytes: maxStatusBytes,
    totalTimeoutMs: statusTimeLimitMs,
    signal: context.signal,
  })
  const { extensions, releases, archives, index } = JSON.parse(text) as Contents
  return { extensions, releases, archives, index }
}

function describeStatus(pid: number, uri: string, publicKey: string, contents: Contents | { fault: string }): string[] {
  const known = [`server is running (process id ${pid})`, `URI: ${uri}`, `public key: ${publicKey}`]
  if ('fault' in contents) return [...known, `it does not answer: ${contents.fault}`]
  const { extensions, releases, archives, index } = contents
  return [
    ...known,
    `extensions: ${extensions}, releases: ${releases}, archives: ${archives}`,
    `index: version ${index.version}, good until ${index.expires}`,
  ]
}
