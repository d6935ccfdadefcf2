// The sidecar of one cluster: its socket, and one handler a request.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileTrouble } from '../adapters/files.ts'
import { createHttpClient } from '../adapters/http-client.ts'
import type { Logger } from '../adapters/log.ts'
import { LocalMachine } from '../adapters/machine.ts'
import { readPgConfig } from '../adapters/pg-config.ts'
import { readPolicy } from '../adapters/policy-settings.ts'
import { RepositoryClient } from '../adapters/repository-client.ts'
import { readRepositories } from '../adapters/repository-settings.ts'
import { routeTo } from '../adapters/repository-uri.ts'
import { readSettings } from '../adapters/settings.ts'
import { type Connection, serveSocket } from '../adapters/socket.ts'
import type { Place, Target } from '../install/install.ts'
import { Store } from '../install/store.ts'
import { UnknownNames } from '../install/unknown-names.ts'
import { PginstallError, reportError } from '../model/errors.ts'
import { compileParsers } from '../model/schema.ts'
import { loadModule } from './handlers/load-module.ts'
import { createExtension, updateExtension } from './handlers/place-extension.ts'
import { search } from './handlers/search.ts'
import { status } from './handlers/status.ts'
import { IndexMirror } from './index-mirror.ts'
import { type CreateExtensionRequest, parseRequest, type Request, type UpdateExtensionRequest } from './messages.ts'
import type { Reply, Service } from './service.ts'

export type SidecarOptions = {
  configDirectories: string[]
  /** The server's OS user; root may speak too. */
  serverUid: number
  log: Logger
  signal: AbortSignal
  onListening(socket: string): void
}

/**
 * Serves until the signal aborts.
 * @throws PginstallError config_file_error, io_error, duplicate_object
 */
export async function runSidecar(options: SidecarOptions): Promise<void> {
  const { log, signal, serverUid } = options
  const settings = readSettings(options.configDirectories)
  const { directory } = settings
  const installation = await readPgConfig(settings.pg_config, signal)
  const target: Target = { name: settings.target, directory: join(directory, settings.target), installation }
  await mkdir(target.directory, { recursive: true, mode: 0o755 })
  const place: Place = { target, store: new Store(directory, signal), unknown: new UnknownNames() }
  const machine = new LocalMachine()
  const limits = { connectTimeoutMs: settings.connect_timeout, stallTimeoutMs: settings.stall_timeout }
  /** Repositories and policy are read for each request, so that what an administrator changes holds at once. */
  const readService = (): Service => {
    const { repositories } = readSettings(options.configDirectories)
    const clients = readRepositories(options.configDirectories, repositories).map(
      (repository) =>
        new RepositoryClient(repository, {
          directory: join(directory, 'repositories'),
          work: place.store.work,
          http: createHttpClient(limits, routeTo(repository)),
        }),
    )
    return {
      name: settings.target,
      directory,
      place,
      machine,
      repositories: clients,
      policy: readPolicy(options.configDirectories),
    }
  }
  const strangers = new StrangerLog()
  let mirror: IndexMirror | undefined
  await serveSocket(settings.socket, {
    admit: (peer) => {
      const admitted = peer.uid === 0 || peer.uid === serverUid
      if (!admitted && strangers.isNews(peer.uid)) log.warn({ peer }, 'refused a peer that is not the server')
      return admitted
    },
    answer: async (connection) => {
      const placed = await answer(connection, readService, log, signal)
      // It may have brought a newer index. Never for whoever was refused: nobody without rights makes us ask the network.
      if (placed) mirror?.update({ refresh: false })
    },
    beforeListening: () => prepareStore(place.store, log),
    onListening: () => {
      mirror = new IndexMirror(readService, log, signal)
      log.info({ socket: settings.socket, target: settings.target }, 'listening')
      options.onListening(settings.socket)
      setImmediate(() => void prepareForRequests(machine, signal))
    },
    signal,
  })
}

/** What the first request would wait for otherwise. Whatever fails here fails there again, and is told there. */
async function prepareForRequests(machine: LocalMachine, signal: AbortSignal): Promise<void> {
  compileParsers()
  await machine.read(signal).catch(() => undefined)
}

/** A disk that takes no writes is no reason not to serve what is in the store. */
function prepareStore(store: Store, log: Logger): void {
  try {
    store.prepare()
  } catch (thrown) {
    log.warn({ error: reportError(fileTrouble('prepare the store', thrown)) }, 'could not prepare the store')
  }
}

/** Anybody may connect, and must not fill the log by it: one line a second for each OS user. */
class StrangerLog {
  #last = new Map<number, number>()

  isNews(uid: number): boolean {
    const now = performance.now()
    if (now - (this.#last.get(uid) ?? -Infinity) < 1000) return false
    this.#last.set(uid, now)
    return true
  }
}

/** Whether something was placed. `lifetime` is the sidecar's own. */
async function answer(
  connection: Connection,
  readService: () => Service,
  log: Logger,
  lifetime: AbortSignal,
): Promise<boolean> {
  const started = performance.now()
  let { signal } = connection
  let request: Request | undefined
  try {
    request = parseRequest(connection.line)
    if (request.request === 'load_module' && !request.wait) signal = lifetime
    const reply: Reply = {
      notify: (message) => connection.send({ notice: { message } }),
      warn: (warning) => connection.send({ notice: { severity: 'WARNING', ...warning } }),
      signal,
    }
    const result = await handle(request, readService(), reply)
    connection.send({ result })
    log.info({ ...describe(request), ms: Math.round(performance.now() - started) }, 'answered')
    return isPlacement(request) || request.request === 'load_module'
  } catch (thrown) {
    if (signal.aborted) {
      log.info({ ...(request && describe(request)) }, 'nobody waits for the answer any more')
      return false
    }
    const error = reportError(thrown)
    connection.send({ error })
    const bug = thrown instanceof PginstallError ? {} : { err: thrown }
    log.warn({ ...(request && describe(request)), error, ...bug }, 'refused')
    return false
  }
}

function handle(request: Request, service: Service, reply: Reply): Promise<object> {
  switch (request.request) {
    case 'create_extension':
      return createExtension(request, service, reply)
    case 'update_extension':
      return updateExtension(request, service, reply)
    case 'load_module':
      return loadModule(request, service, reply)
    case 'search':
      return search(request, service, reply)
    case 'status':
      return status(service)
  }
}

function isPlacement(request: Request): request is CreateExtensionRequest | UpdateExtensionRequest {
  return request.request === 'create_extension' || request.request === 'update_extension'
}

function describe(request: Request): object {
  if (request.request === 'load_module') {
    const { library, version } = request
    return { request: request.request, library, version }
  }
  if (!isPlacement(request)) return { request: request.request }
  const { extension, version, database } = request
  return { request: request.request, extension, version, database }
}
