// The repository server: puts database, storage, index and HTTP together, in order, and takes them apart again.
import { isIPv6 } from 'node:net'
import { join, resolve } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { ArchiveStorage } from '../adapters/archive-storage.ts'
import { Database, type DatabaseAddress } from '../adapters/database.ts'
import { createLog, type Logger } from '../adapters/log.ts'
import { readPgConfig } from '../adapters/pg-config.ts'
import { openPrivateCluster, type PrivateCluster } from '../adapters/private-cluster.ts'
import { readOrCreateSecret } from '../adapters/secret-file.ts'
import { PginstallError } from '../model/errors.ts'
import { generateSigningKey, publicKeyOf } from '../model/signature.ts'
import { migrate } from '../repository/migrate.ts'
import { requireAdminToken } from './admin-token.ts'
import { type DirectoryOptions, ownerFor, prepareDirectories } from './data-directory.ts'
import { createHttpServer } from './http.ts'
import { startIndexRenewal } from './index-renewal.ts'
import { claimDataDirectory } from './state-file.ts'

export type RepositoryServerOptions = DirectoryOptions & {
  listenAddress: string
  /** 0 for a free one. */
  listenPort: number
  /** Public URI, when it is not address and port. */
  serverUri?: string | undefined
  /** A database to use in place of a private cluster. */
  dburi?: string | undefined
  /** `pg_config` of the PostgreSQL that makes and runs the private cluster. */
  pgConfig: string
  maxArchiveBytes: number
  /** How long clients may go by the index without asking. */
  indexMaxAgeMs?: number | undefined
  adminTokenFile?: string | undefined
  /** From publication of the index to its expiry. */
  indexPeriodMs?: number | undefined
  log?: Logger | undefined
  /** Ends a start that is under way. */
  signal?: AbortSignal | undefined
}

export type RepositoryServer = {
  /** Ends in a slash. */
  uri: string
  /** The same, as it is reached from this machine. */
  localUri: string
  /** `ed25519:…` */
  publicKey: string
  /** Resolves when the private cluster ends by itself, without which the server is of no use. */
  lost: Promise<void>
  close(): Promise<void>
}

type Closers = (() => void | Promise<void>)[]

const defaultIndexPeriodMs = 7 * 24 * 3600 * 1000
/** How long transfers that are under way may take to end, once the server closes. */
const closeGraceMs = 10_000

export { loadLazyModules } from './http.ts'

/**
 * Starts the server; it answers when this returns. What it needs of the package was read when this module was loaded
 * and by loadLazyModules: whoever drops rights does so after both, and before this.
 * @throws PginstallError duplicate_object when one runs on the data directory; io_error, config_file_error, …
 */
export async function startRepositoryServer(given: RepositoryServerOptions): Promise<RepositoryServer> {
  const options = { ...given, dataDirectory: resolve(given.dataDirectory), log: given.log ?? createLog('server') }
  const closers: Closers = []
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= closeAll(closers)
    return closing
  }
  try {
    await prepareDirectories(options)
    const claim = await claimDataDirectory(options.dataDirectory)
    closers.push(() => claim.release())
    const server = await open(options, closers)
    const { uri, localUri, publicKey } = server
    await claim.ready({ uri, localUri, publicKey })
    return { ...server, close }
  } catch (cause) {
    await close()
    throw cause
  }
}

async function open(
  options: RepositoryServerOptions & { log: Logger },
  closers: Closers,
): Promise<Omit<RepositoryServer, 'close'>> {
  const { dataDirectory, log } = options
  const privateKey = await readOrCreateSecret(
    join(dataDirectory, 'signing-key.pem'),
    () => generateSigningKey().privatePem,
  )
  const authenticate = await requireAdminToken(options.adminTokenFile || join(dataDirectory, 'admin-token'))
  const { address, lost } = await openDatabase(options, closers)
  const database = new Database(address, (cause) => log.warn({ err: cause }, 'lost a connection to the database'))
  closers.push(() => database.close())
  await migrate(database)
  const storage = await ArchiveStorage.open(options.archivePath || join(dataDirectory, 'archives'))
  const signing = { privateKey, periodMs: options.indexPeriodMs ?? defaultIndexPeriodMs }
  const now = () => new Date()
  closers.push(await startIndexRenewal({ database, storage, signing, log, now }))
  const controller = new AbortController()
  const publicKey = publicKeyOf(privateKey)
  const services = {
    ...{ database, storage, signing, publicKey, authenticate, now },
    maxArchiveBytes: options.maxArchiveBytes,
    indexMaxAgeMs: options.indexMaxAgeMs ?? 0,
    baseUri: withSlash(options.serverUri ?? ''),
    closing: controller.signal,
  }
  const http = await createHttpServer(services, log)
  closers.push(() => closeHttp(http, controller))
  const { listenAddress: host, listenPort: port, signal } = options
  signal?.throwIfAborted()
  await http.listen({ host, port })
  const localUri = uriOf(http)
  return { uri: options.serverUri ? withSlash(options.serverUri) : localUri, localUri, publicKey, lost }
}

async function openDatabase(
  options: RepositoryServerOptions,
  closers: Closers,
): Promise<{ address: DatabaseAddress; lost: PrivateCluster['lost'] }> {
  if (options.dburi) return { address: { uri: options.dburi }, lost: new Promise(() => {}) }
  const signal = options.signal ?? new AbortController().signal
  const { bindir } = await readPgConfig(options.pgConfig, signal)
  const owner = ownerFor(options.user)
  const cluster = await openPrivateCluster({
    ...{ directory: join(options.dataDirectory, 'postgresql'), bindir, signal },
    ...(owner === undefined ? {} : { owner }),
  })
  closers.push(() => cluster.close())
  return cluster
}

async function closeHttp(http: FastifyInstance, controller: AbortController): Promise<void> {
  controller.abort(new Error('the server is closing'))
  const timer = setTimeout(() => http.server.closeAllConnections(), closeGraceMs)
  await http.close()
  clearTimeout(timer)
}

/** In reverse, each of them whatever becomes of the others. */
async function closeAll(closers: Closers): Promise<void> {
  const failures: unknown[] = []
  for (const closer of closers.reverse()) {
    try {
      await closer()
    } catch (cause) {
      failures.push(cause)
    }
  }
  if (failures.length > 0) throw failures[0]
}

function uriOf(http: FastifyInstance): string {
  const address = http.addresses()[0]
  if (address === undefined || typeof address === 'string')
    throw new PginstallError('internal_error', 'server does not listen')
  return `http://${isIPv6(address.address) ? `[${address.address}]` : address.address}:${address.port}/`
}

function withSlash(uri: string): string {
  return uri.endsWith('/') ? uri : `${uri}/`
}
