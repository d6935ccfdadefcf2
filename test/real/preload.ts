// Real extensions that want to be preloaded, from Debian source packages: the server's log says whether they work.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { runPginstall, writeSettings } from '../helpers/command.ts'
import { fetchSource } from '../helpers/source-trees.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

let stage: Stage
let data: string

test.before(async () => {
  stage = await setStage()
  data = join(stage.directory.path, 'cluster', 'data')
  writeSettings(stage.configDirectory, 'targets/main/pginstall', { target: 'main', data_directory: data })
})

test.after.always(() => stage?.close())

function preload(...args: string[]): string {
  const { status, stdout, stderr } = runPginstall(stage.configDirectory, ['preload', ...args, '--role', 'postgres'])
  if (status !== 0) throw new Error(stderr)
  return stdout
}

test('pg_partman: its workers, static and dynamic, find their module and do their work', async (t) => {
  stage.publish(fetchSource('pg-partman', 'trixie'), ['github.com/pgpartman/pg_partman'])
  const { output } = stage.cluster.psql('CREATE SCHEMA partman; CREATE EXTENSION pg_partman SCHEMA partman')
  t.regex(output, /WARNING: {2}extension "pg_partman" wants its module "pg_partman_bgw" in shared_preload_libraries/)
  t.is(preload('add', 'pg_partman'), 'added: pg_partman_bgw\n')
  appendFileSync(join(data, 'postgresql.conf'), "pg_partman_bgw.dbname = 'postgres'\npg_partman_bgw.interval = 1\n")
  await stage.cluster.restart()
  while (!stage.cluster.log().includes('run_maintenance_proc(')) await delay(50)
  t.notRegex(stage.cluster.log(), /PANIC|was terminated by signal|could not access file|Could not start/)
})
