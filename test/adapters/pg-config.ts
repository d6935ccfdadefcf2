import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { readBuiltAgainst, readPgConfig } from '../../src/adapters/pg-config.ts'
import { PginstallError } from '../../src/model/errors.ts'
import { defaultPgConfig } from '../helpers/private-installation.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const directory = makeTemporaryDirectory('pg-config')
test.after.always(() => directory.remove())
const signal = new AbortController().signal

/** An installation that says of itself what we want to hear. */
function pretend(name: string, version: string, headers: Record<string, string>): string {
  const include = directory.make(name)
  for (const [file, text] of Object.entries(headers)) writeFileSync(join(include, file), text)
  const program = join(include, 'pg_config')
  const names = [
    'BINDIR',
    'SHAREDIR',
    'DOCDIR',
    'LIBDIR',
    'PKGLIBDIR',
    'LOCALEDIR',
    'SYSCONFDIR',
    'PGXS',
    'CONFIGURE',
    'CFLAGS',
  ]
  const lines = [
    ...names.map((item) => `${item} = /${item}`),
    'CC = cc',
    `INCLUDEDIR-SERVER = ${include}`,
    `VERSION = ${version}`,
  ]
  writeFileSync(program, `#!/bin/sh\ncat <<'END'\n${lines.join('\n')}\nEND\n`)
  chmodSync(program, 0o755)
  return program
}

test('reads the machine’s own', async (t) => {
  const pg = await readPgConfig(defaultPgConfig, signal)
  t.true(pg.versionNum >= 130000)
  t.true(pg.pgxs.endsWith('/pgxs.mk'))
  const built = await readBuiltAgainst(pg, signal)
  t.is(built.version_num, pg.versionNum)
  t.is(built.abi_extra, pg.versionNum >= 150000 ? 'PostgreSQL' : '')
  t.deepEqual([built.block_size, built.wal_block_size, built.assertions], [8192, 8192, false])
})

test('versions of every kind', async (t) => {
  const versions: [string, number][] = [
    ['PostgreSQL 15.20 (Debian 15.20-0+deb12u1)', 150020],
    ['PostgreSQL 18.1', 180001],
    ['PostgreSQL 19rc1 (Debian 19~rc1-1)', 190000],
    ['PostgreSQL 19devel', 190000],
  ]
  for (const [text, number] of versions)
    t.is((await readPgConfig(pretend('version', text, {}), signal)).versionNum, number)
})

test('headers with a server of its own kind, an architecture’s behind a common one', async (t) => {
  const headers = {
    'pg_config.h': '#include "pg_config_here.h"\n',
    'pg_config_here.h':
      '#define PG_VERSION_NUM 130008\n#define BLCKSZ 32768\n#define XLOG_BLCKSZ 16384\n#define USE_ASSERT_CHECKING 1\n',
    'pg_config_manual.h': '#define NAMEDATALEN 64\n',
  }
  const pg = await readPgConfig(pretend('custom', 'PostgreSQL 13.8', headers), signal)
  t.deepEqual(await readBuiltAgainst(pg, signal), {
    version_num: 130008,
    abi_extra: '',
    block_size: 32768,
    wal_block_size: 16384,
    assertions: true,
  })
})

test('a server without its headers', async (t) => {
  const pg = await readPgConfig(pretend('bare', 'PostgreSQL 15.1', {}), signal)
  const error = await t.throwsAsync(readBuiltAgainst(pg, signal), { instanceOf: PginstallError })
  t.is(error?.sqlstate, '58P01')
  t.regex(error?.hint ?? '', /PostgreSQL 15\.1.*postgresql-server-dev-15/)
})

test('a program that is no pg_config', async (t) => {
  await t.throwsAsync(readPgConfig('/bin/true', signal), { message: 'program "/bin/true" does not say its VERSION' })
  await t.throwsAsync(readPgConfig(pretend('strange', 'MySQL 8', {}), signal), { message: /says a strange version/ })
})
