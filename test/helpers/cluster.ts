// A private PostgreSQL cluster on a unix socket, with our hook in it when the installation has it.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import type { PgConfig } from '../../src/adapters/pg-config.ts'
import { giveTo, serverUser, spawnAs } from './os-users.ts'
import type { TemporaryDirectory } from './temporary-directory.ts'

export type Cluster = {
  socketDirectory: string
  /** A connected client; the cluster's stop ends it. Notices are collected. */
  connect(options?: { database?: string; user?: string }): Promise<Session>
  /** psql's standard output and error together, as a person sees them. */
  psql(
    sql: string,
    options?: { database?: string; user?: string; args?: string[]; options?: string },
  ): { status: number; output: string }
  /** The server's log so far. */
  log(): string
  /** Process id of the postmaster. */
  pid: number
  stop(): Promise<void>
  /** A fast shutdown, whatever the sessions do, and a new start. */
  restart(): Promise<void>
}

export type Session = {
  client: pg.Client
  notices: string[]
  query(sql: string): Promise<Record<string, unknown>[]>
  /** The error a statement raises; undefined when it raises none. */
  errorOf(sql: string): Promise<pg.DatabaseError | undefined>
}

const startTimeoutMs = 30_000

/** Words before each server's command line: a program, such as valgrind, that becomes the server. */
const wrapper = (process.env.PGINSTALL_TEST_SERVER_WRAPPER ?? '').split(' ').filter((word) => word !== '')

export async function startCluster(
  directory: TemporaryDirectory,
  installation: PgConfig,
  settings: Record<string, string> = {},
  name = 'cluster',
  args: string[] = [],
): Promise<Cluster> {
  const known = existsSync(join(directory.path, name, 'data', 'PG_VERSION'))
  const data = known ? join(directory.path, name, 'data') : directory.make(`${name}/data`, serverUser)
  const socketDirectory = directory.make(`${name}/socket`, serverUser)
  const logFile = join(directory.path, name, 'log')
  const as = spawnAs(serverUser)
  const program = (file: string) => join(installation.bindir, file)
  // One that was stopped is started again as it is.
  if (!known) {
    execFileSync(
      program('initdb'),
      ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'],
      {
        ...as,
        cwd: data,
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    const lines = { fsync: 'off', listen_addresses: '', unix_socket_directories: socketDirectory, ...settings }
    for (const [key, value] of Object.entries(lines)) {
      appendFileSync(join(data, 'postgresql.conf'), `${key} = '${value.replaceAll("'", "''")}'\n`)
    }
  }
  const startServer = (): ChildProcess => {
    const log = openSync(logFile, 'a')
    const stdio = ['ignore', log, log] as const
    const [file = '', ...rest] = [...wrapper, program('postgres'), '-D', data, ...args]
    const started = spawn(file, rest, {
      ...as,
      cwd: data,
      stdio: [...stdio],
      detached: true,
    })
    started.unref()
    closeSync(log)
    return started
  }
  let server = startServer()
  giveTo(serverUser, logFile)
  const sessions: pg.Client[] = []
  const cluster: Cluster = {
    socketDirectory,
    get pid() {
      return server.pid as number
    },
    connect: (options = {}) => connect(socketDirectory, options, sessions),
    psql(sql, { database = 'postgres', user = 'postgres', args = [], options } = {}) {
      // One file for both, so that notices and errors stand where a terminal shows them.
      const file = join(directory.path, name, 'psql')
      const output = openSync(file, 'w')
      const { status } = spawnSync(
        'psql',
        ['-X', '-h', socketDirectory, '-U', user, '-d', database, ...args, '-c', sql],
        {
          stdio: ['ignore', output, output],
          env: { ...process.env, ...(options === undefined ? {} : { PGOPTIONS: options }) },
        },
      )
      closeSync(output)
      return { status: status ?? 1, output: readFileSync(file, 'utf8') }
    },
    log: () => readFileSync(logFile, 'utf8'),
    async stop() {
      for (const session of sessions) await session.end().catch(() => undefined)
      await shutDown(server)
    },
    async restart() {
      await shutDown(server)
      server = startServer()
      await untilReady(server, socketDirectory, logFile)
    },
  }
  try {
    await untilReady(server, socketDirectory, logFile)
  } catch (thrown) {
    await shutDown(server)
    throw thrown
  }
  return cluster
}

async function shutDown(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  server.ref()
  const gone = new Promise((resolve) => server.once('exit', resolve))
  server.kill('SIGINT')
  await gone
}

async function connect(
  host: string,
  { database = 'postgres', user = 'postgres' }: { database?: string; user?: string },
  sessions: pg.Client[],
): Promise<Session> {
  const client = new pg.Client({ host, database, user })
  const notices: string[] = []
  client.on('notice', ({ message }) => notices.push(message ?? ''))
  client.on('error', () => undefined)
  await client.connect()
  sessions.push(client)
  return {
    client,
    notices,
    query: async (sql) => (await client.query(sql)).rows,
    errorOf: (sql) =>
      client.query(sql).then(
        () => undefined,
        (error) => error as pg.DatabaseError,
      ),
  }
}

async function untilReady(server: ChildProcess, socketDirectory: string, logFile: string): Promise<void> {
  const deadline = Date.now() + startTimeoutMs
  for (;;) {
    if (existsSync(join(socketDirectory, '.s.PGSQL.5432'))) {
      const probe = new pg.Client({ host: socketDirectory, database: 'postgres', user: 'postgres' })
      const ready = await probe.connect().then(
        () => true,
        () => false,
      )
      await probe.end().catch(() => undefined)
      if (ready) return
    }
    if (server.exitCode !== null || Date.now() > deadline)
      throw new Error(`PostgreSQL did not start:\n${readFileSync(logFile, 'utf8')}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
