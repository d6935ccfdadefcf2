// What a PostgreSQL installation says of itself: pg_config's answers, and what its headers fix for modules.
import { PginstallError } from '../model/errors.ts'
import type { BuiltAgainst } from '../model/platform.ts'
import { runProcess } from './process.ts'

export type PgConfig = {
  /** The pg_config that was asked. */
  path: string
  /** `PostgreSQL 15.20 (Debian 15.20-0+deb12u1)` */
  version: string
  /** server_version_num: 150020; a development or beta version counts as its .0. */
  versionNum: number
  bindir: string
  sharedir: string
  docdir: string
  libdir: string
  pkglibdir: string
  localedir: string
  sysconfdir: string
  includedirServer: string
  /** pgxs.mk */
  pgxs: string
  /** Options that `configure` was called with, as a shell would read them. */
  configure: string
  /** The C compiler, with its arguments. */
  cc: string
  cflags: string
}

const timeoutMs = 30_000

/**
 * Asks a pg_config.
 * @throws PginstallError undefined_file when there is none, io_error when it cannot be run or does not answer as one
 */
export async function readPgConfig(path: string, signal: AbortSignal): Promise<PgConfig> {
  const { stdout } = await runProcess(path, [], { signal, timeoutMs }).catch((cause: unknown) => {
    if (!isNotThere(cause)) throw cause
    throw new PginstallError('undefined_file', `could not run program "${path}": there is none`, {
      hint: 'Name one with: pginstall config pg_config PATH, or with --pg-config PATH; on Debian it is /usr/lib/postgresql/MAJOR/bin/pg_config.',
      cause,
    })
  })
  const answers = new Map<string, string>()
  for (const line of stdout.split('\n')) {
    const match = /^([A-Z_-]+) = ?(.*)$/.exec(line)
    if (match?.[1] !== undefined) answers.set(match[1], (match[2] ?? '').trim())
  }
  const answer = (name: string): string => {
    const value = answers.get(name)
    if (value === undefined) throw new PginstallError('io_error', `program "${path}" does not say its ${name}`)
    return value
  }
  const version = answer('VERSION')
  return {
    path,
    version,
    versionNum: parseVersion(version, path),
    bindir: answer('BINDIR'),
    sharedir: answer('SHAREDIR'),
    docdir: answer('DOCDIR'),
    libdir: answer('LIBDIR'),
    pkglibdir: answer('PKGLIBDIR'),
    localedir: answer('LOCALEDIR'),
    sysconfdir: answer('SYSCONFDIR'),
    includedirServer: answer('INCLUDEDIR-SERVER'),
    pgxs: answer('PGXS'),
    configure: answer('CONFIGURE'),
    cc: answer('CC'),
    cflags: answer('CFLAGS'),
  }
}

/**
 * What a module built with these headers is bound to. The preprocessor is asked, since distributions put a header per
 * architecture behind pg_config.h.
 * @throws PginstallError io_error, undefined_file when the server's headers are not installed
 */
export async function readBuiltAgainst(pg: PgConfig, signal: AbortSignal): Promise<BuiltAgainst> {
  const [compiler = 'cc', ...args] = pg.cc.split(/\s+/)
  const headers = ['-include', 'pg_config.h', '-include', 'pg_config_manual.h']
  const ask = [...args, '-E', '-dM', '-I', pg.includedirServer, ...headers, '-x', 'c', '/dev/null']
  const { stdout } = await runProcess(compiler, ask, { signal, timeoutMs }).catch((cause: unknown) => {
    throw new PginstallError('undefined_file', `could not read the server's headers in "${pg.includedirServer}"`, {
      hint: `Install a C compiler and the development files of ${pg.version.split(' (')[0]}, on Debian the package postgresql-server-dev-${Math.trunc(pg.versionNum / 10000)}.`,
      cause,
    })
  })
  const macro = (name: string) => new RegExp(`^#define ${name} (.*)$`, 'm').exec(stdout)?.[1]
  const number = (name: string): number => {
    const value = Number(macro(name))
    if (!Number.isInteger(value)) throw new PginstallError('io_error', `the server's headers do not define ${name}`)
    return value
  }
  return {
    version_num: number('PG_VERSION_NUM'),
    abi_extra: macro('FMGR_ABI_EXTRA')?.slice(1, -1) ?? '',
    block_size: number('BLCKSZ'),
    wal_block_size: number('XLOG_BLCKSZ'),
    assertions: macro('USE_ASSERT_CHECKING') !== undefined,
  }
}

/** Whether a program could not be run because there is none. */
function isNotThere(thrown: unknown): boolean {
  const cause = thrown instanceof Error ? thrown.cause : undefined
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
}

function parseVersion(version: string, path: string): number {
  const match = /^PostgreSQL (\d+)(?:\.(\d+))?/.exec(version)
  if (match?.[1] === undefined)
    throw new PginstallError('io_error', `program "${path}" says a strange version: "${version}"`)
  return Number(match[1]) * 10000 + Number(match[2] ?? 0)
}
