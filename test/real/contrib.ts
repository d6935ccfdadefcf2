// Contrib's own modules through pginstall, in an installation that lacks them: preloaded, and in many SQL versions.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { runPginstall, writeSettings } from '../helpers/command.ts'
import { fetchSource } from '../helpers/source-trees.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

let stage: Stage

test.before(async () => {
  stage = await setStage()
  writeSettings(stage.configDirectory, 'targets/main/pginstall', {
    target: 'main',
    data_directory: join(stage.directory.path, 'cluster', 'data'),
  })
  for (const name of ['pg_stat_statements', 'pg_prewarm', 'pg_trgm']) {
    lack(name)
    const source = join(fetchSource('postgresql-15', 'bookworm'), 'contrib', name)
    stage.publish(source, [`postgresql.org/contrib/${name}`])
  }
})

test.after.always(() => stage?.close())

function lack(name: string): void {
  const { pkglibdir, sharedir } = stage.installation
  rmSync(join(pkglibdir, `${name}.so`))
  const extensions = join(sharedir, 'extension')
  for (const file of readdirSync(extensions))
    if (file.startsWith(`${name}.`) || file.startsWith(`${name}--`)) rmSync(join(extensions, file))
}

test.serial(
  'modules that share memory work once they are preloaded, in the order in which they were added',
  async (t) => {
    t.regex(
      stage.cluster.psql('CREATE EXTENSION pg_stat_statements').output,
      /WARNING: {2}extension "pg_stat_statements" wants/,
    )
    t.regex(stage.cluster.psql('CREATE EXTENSION pg_prewarm').output, /WARNING: {2}extension "pg_prewarm" wants/)
    const { status, stderr } = runPginstall(stage.configDirectory, [
      'preload',
      'add',
      'pg_stat_statements',
      'pg_prewarm',
      '--role',
      'postgres',
    ])
    t.is(status, 0, stderr)
    await stage.cluster.restart()
    const { query } = await stage.cluster.connect()
    t.deepEqual(await query('SHOW shared_preload_libraries'), [
      { shared_preload_libraries: 'pg_stat_statements, pg_prewarm' },
    ])
    await query('SELECT 42 AS seen')
    t.deepEqual(await query(`SELECT calls::int FROM pg_stat_statements WHERE query = 'SELECT $1 AS seen'`), [
      { calls: 1 },
    ])
    t.deepEqual(await query(`SELECT autoprewarm_dump_now() > 0 AS dumped`), [{ dumped: true }])
    // At the next start its leader has another worker, which it starts by the module's name, read them back.
    await stage.cluster.restart()
    while (!stage.cluster.log().includes('autoprewarm successfully prewarmed')) await delay(50)
    t.notRegex(stage.cluster.log(), /PANIC|was terminated by signal|could not access file|attempt to redefine/)
  },
)

test.serial(
  'old SQL versions are created and updated step by step, beside the newest in another database',
  async (t) => {
    for (const name of ['old', 'newest']) stage.cluster.psql(`CREATE DATABASE ${name}`)
    const old = await stage.cluster.connect({ database: 'old' })
    const newest = await stage.cluster.connect({ database: 'newest' })
    await old.query(`CREATE EXTENSION pg_trgm VERSION '1.3'`)
    await newest.query('CREATE EXTENSION pg_trgm')
    const similarity = `SELECT similarity('prefix', 'prefixes')::numeric(3, 2)::text AS alike, sql_version FROM pginstall.installed WHERE name = 'pg_trgm'`
    for (const version of ['1.4', '1.5', '1.6']) {
      await old.query(`ALTER EXTENSION pg_trgm UPDATE TO '${version}'`)
      t.deepEqual(await old.query(similarity), [{ alike: '0.60', sql_version: version }])
    }
    t.deepEqual(await newest.query(similarity), [{ alike: '0.60', sql_version: '1.6' }])
  },
)
