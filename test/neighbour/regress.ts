// PostgreSQL's own regression suite, with the hook in every session: it must not notice. When some of it fails, all is
// run once more without the hook, and must fail there in the same lines.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { PgConfig } from '../../src/adapters/pg-config.ts'
import { type Cluster, startCluster } from '../helpers/cluster.ts'
import { serverUser, spawnAs } from '../helpers/os-users.ts'
import { makePrivateInstallation } from '../helpers/private-installation.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'
import { because, noSource, postgresSource } from './helpers/postgres-source.ts'

const directory = makeTemporaryDirectory('regress')
/** The suite's scripts and what they should say. */
const files = join(directory.path, 'suite')
let installation: PgConfig
let cluster: Cluster
const suite = noSource === undefined ? test : test.skip

test.after.always(async () => {
  await cluster?.stop()
  directory.remove()
})

suite(`PostgreSQL’s own regression suite does not notice the hook${because(noSource)}`, async (t) => {
  installation = await makePrivateInstallation(directory.make('postgresql'))
  cluster = await startCluster(directory, installation, {
    'pginstall.socket': join(directory.path, 'nobody-listens'),
    'pginstall.directory': join(directory.path, 'state'),
    'pginstall.sidecar_user': serverUser,
    // What pg_regress sets in clusters of its own.
    max_prepared_transactions: '2',
  })
  cpSync(join(postgresSource, 'src/test/regress'), files, { recursive: true })
  makeModules()
  const loaded = await runSuite({ hook: true })
  t.log(`${loaded.passed} tests of PostgreSQL's passed with the hook loaded`)
  t.true(loaded.passed > 100)
  if (loaded.differences.size === 0) return
  // A source of another minor release than the server's expects other things, too.
  const stock = (await runSuite({ hook: false })).differences
  for (const [name, difference] of loaded.differences) {
    t.is(stock.get(name), difference, `test "${name}" of PostgreSQL's differs with the hook loaded`)
  }
  t.log(`alike with and without it, but not as expected: ${[...loaded.differences.keys()].join(', ')}`)
})

/** The suite's C functions; those that it takes from contrib are what the installation has. */
function makeModules(): void {
  writeFileSync(
    join(files, 'Makefile.pgxs'),
    'MODULES = regress\nPGXS := $(shell $(PG_CONFIG) --pgxs)\ninclude $(PGXS)\n',
  )
  const make = ['--silent', '-C', files, '-f', 'Makefile.pgxs', `PG_CONFIG=${installation.path}`, 'with_llvm=no']
  execFileSync('make', make, { stdio: ['ignore', 'ignore', 'pipe'] })
  for (const module of ['refint.so', 'autoinc.so']) {
    const installed = join(installation.pkglibdir, module)
    if (existsSync(installed)) symlinkSync(installed, join(files, module))
  }
  execFileSync('chmod', ['-R', 'a+rX', files])
}

type Outcome = { passed: number; differences: Map<string, string> }

/** With the hook in every session, or with nothing. */
async function runSuite({ hook }: { hook: boolean }): Promise<Outcome> {
  const change = hook ? `SET session_preload_libraries = 'pginstall'` : 'RESET session_preload_libraries'
  cluster.psql(`ALTER SYSTEM ${change}`)
  await cluster.restart()
  const session = await cluster.connect()
  const known = await session.query(`SELECT name FROM pg_settings WHERE name = 'pginstall.socket'`)
  if (known.length !== (hook ? 1 : 0)) throw new Error('sessions do not load what they should')
  const name = hook ? 'with-hook' : 'without'
  const output = directory.make(name, serverUser)
  for (const child of ['results', 'sql', 'expected', 'testtablespace']) directory.make(`${name}/${child}`, serverUser)
  const { status, stdout, stderr } = spawnSync(
    join(installation.pkglibdir, 'pgxs/src/test/regress/pg_regress'),
    [
      `--inputdir=${files}`,
      `--outputdir=${output}`,
      `--dlpath=${files}`,
      `--bindir=${installation.bindir}`,
      `--host=${cluster.socketDirectory}`,
      '--user=postgres',
      '--max-connections=8',
      '--encoding=UTF8',
      '--no-locale',
      `--schedule=${join(files, 'parallel_schedule')}`,
    ],
    {
      ...spawnAs(serverUser),
      cwd: output,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    },
  )
  const passed = [...stdout.matchAll(/^(?:ok \d+|(?: *|test +)\S+ +\.\.\. ok)\b/gm)].length
  const file = join(output, 'regression.diffs')
  const differences = existsSync(file) ? splitDifferences(readFileSync(file, 'utf8')) : new Map()
  if (status !== 0 && differences.size === 0) throw new Error(`pg_regress failed:\n${stdout.slice(-2000)}${stderr}`)
  return { passed, differences }
}

/** By the test's name; without the lines that name the two files. */
function splitDifferences(diffs: string): Map<string, string> {
  return new Map(
    diffs
      .split(/^diff /m)
      .slice(1)
      .map((part): [string, string] => {
        const name = /\/results\/(\S+)\.out$/m.exec(part)?.[1] ?? part
        return [name, part.replace(/^(?:.*\n){3}/, '')]
      }),
  )
}
