// Modules that want shared_preload_libraries: the warning, the command that it names, refusals, and updates that wait for
// a restart. Background workers die silently, so what the server's log says is looked at.
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { type Outcome, runPginstall, writeSettings } from '../helpers/command.ts'
import { writeSourceTree } from '../helpers/source-trees.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

let stage: Stage
const ours = 'git.example/ours/keeper'
const theirs = 'git.example/theirs/keeper'

test.before(async () => {
  stage = await setStage()
  writeSettings(stage.configDirectory, 'targets/main/pginstall', {
    target: 'main',
    data_directory: join(stage.directory.path, 'cluster', 'data'),
  })
  await (await stage.cluster.connect()).query(`ALTER SYSTEM SET shared_preload_libraries = 'auto_explain', 'pginstall'`)
  await stage.cluster.restart()
})

test.after.always(() => stage?.close())

/** A module that works preloaded only, with a worker that names it plainly and says in the log that it runs. */
function keeper(version: string): string {
  return `#include "postgres.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(keeper);
extern PGDLLEXPORT void _PG_init(void);
extern PGDLLEXPORT void keep(Datum argument);
static int figure;
Datum keeper(PG_FUNCTION_ARGS) { PG_RETURN_TEXT_P(DirectFunctionCall1(textin, CStringGetDatum("${version}"))); }
void keep(Datum argument) { ereport(LOG, (errmsg("the keeper of version ${version} works"))); proc_exit(0); }
void _PG_init(void)
{
	BackgroundWorker worker = {.bgw_name = "keeper", .bgw_flags = BGWORKER_SHMEM_ACCESS,
		.bgw_start_time = BgWorkerStart_RecoveryFinished, .bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_library_name = "keeper", .bgw_function_name = "keep"};

	if (!process_shared_preload_libraries_in_progress)
		ereport(ERROR, (errmsg("keeper must be loaded via shared_preload_libraries")));
	DefineCustomIntVariable("keeper.figure", "A number.", NULL, &figure, 0, 0, 9, PGC_POSTMASTER, 0, NULL, NULL, NULL);
	RegisterBackgroundWorker(&worker);
}
`
}

function publish(version: string, fullNames: string[]): void {
  const more = `CREATE FUNCTION more() RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'keeper';`
  const source = writeSourceTree(stage.directory.path, {
    name: 'keeper',
    version,
    control: "module_pathname = '$libdir/keeper'",
    sql: `CREATE FUNCTION keeper() RETURNS text LANGUAGE c AS 'MODULE_PATHNAME';`,
    module: keeper(version),
    files: version === '1.0' ? {} : { [`keeper--1.0--${version}.sql`]: more },
  })
  stage.publish(source, fullNames)
}

function preload(...args: string[]): Outcome {
  return runPginstall(stage.configDirectory, ['preload', ...args, '--target', 'main', '--role', 'postgres'])
}

async function setting(): Promise<unknown> {
  const { query } = await stage.cluster.connect()
  return (await query('SHOW shared_preload_libraries'))[0]?.shared_preload_libraries
}

/** Resolves once the server's log has it; the test's own limit ends the wait. */
async function logged(text: string): Promise<void> {
  while (!stage.cluster.log().includes(text)) await delay(50)
}

/** No process has died, and no worker has found something missing. */
function isSound(t: ExecutionContext): void {
  t.notRegex(
    stage.cluster.log(),
    /PANIC|was terminated by signal|could not (?:access|load)|worker "keeper" .* exited with exit code/,
  )
}

test.serial('CREATE EXTENSION warns, and the command of its hint makes it work', async (t) => {
  publish('1.0', [ours])
  const { status, output } = stage.cluster.psql('CREATE EXTENSION keeper')
  t.is(status, 1)
  t.regex(output, /WARNING: {2}extension "keeper" wants its module "keeper" in shared_preload_libraries/)
  t.regex(output, /ERROR: {2}keeper must be loaded via shared_preload_libraries/)
  const [, command = ''] = /HINT: {2}Type "pginstall preload ([^"]+)" on the server's machine/.exec(output) ?? []
  t.is(command, `add ${ours} --target main`)

  const added = runPginstall(stage.configDirectory, ['preload', ...command.split(' '), '--role', 'postgres'])
  t.is(added.stdout, 'added: keeper\n', added.stderr)
  t.is(await setting(), 'auto_explain, pginstall', 'not before the restart')
  t.is(preload('add', ours).stdout, 'there already: keeper\n')
  await stage.cluster.restart()
  t.is(await setting(), 'auto_explain, pginstall, keeper')
  await logged('the keeper of version 1.0 works')

  const session = await stage.cluster.connect()
  await session.query('CREATE EXTENSION keeper')
  t.deepEqual(
    session.notices.filter((notice) => notice.includes('wants its module')),
    [],
  )
  t.deepEqual(await session.query('SELECT keeper()'), [{ keeper: '1.0' }])
  isSound(t)
})

test.serial('the update of a preloaded module waits for a restart, and says so', async (t) => {
  publish('1.1', [ours])
  const { errorOf } = await stage.cluster.connect()
  const error = await errorOf('ALTER EXTENSION keeper UPDATE')
  t.is(error?.code, '55000')
  t.is(error?.message, 'version "1.1" of extension "keeper" waits for a restart of the server')
  t.regex(error?.detail ?? '', /^The server has preloaded version 1\.0 of its module "keeper", /)
  t.regex(error?.hint ?? '', /^Stop the server, type "pginstall preload switch --target main"/)
  const fresh = await stage.cluster.connect()
  t.deepEqual(await fresh.query('SELECT keeper()'), [{ keeper: '1.0' }])
  const [row] = JSON.parse(preload('list', '--json').stdout).filter(
    ({ module }: { module: string }) => module === 'keeper',
  )
  t.deepEqual(row, {
    module: 'keeper',
    full_name: ours,
    version: '1.0',
    configured: true,
    running: true,
    waiting: '1.1',
  })

  const refused = preload('switch')
  t.is(refused.status, 1)
  t.regex(refused.stderr, /the server of cluster ".*" runs/)
  await stage.cluster.stop()
  t.is(preload('switch').stdout, 'switched: keeper to version 1.1\n')
  await stage.cluster.restart()
  await logged('the keeper of version 1.1 works')
  const after = await stage.cluster.connect()
  await after.query('ALTER EXTENSION keeper UPDATE')
  t.deepEqual(await after.query('SELECT keeper(), more()'), [{ keeper: '1.1', more: '1.1' }])
  isSound(t)
})

test.serial('a plain name that the server or another provider has is refused', async (t) => {
  publish('1.0', [theirs])
  stage.cluster.psql('CREATE DATABASE theirs')
  const { output } = stage.cluster.psql(`CREATE EXTENSION "${theirs}"`, { database: 'theirs' })
  t.regex(output, /DETAIL: .* The module's name is taken by "git\.example\/ours\/keeper"\./)
  const other = preload('add', theirs)
  t.is(other.status, 1)
  t.regex(other.stderr, /module name "keeper" is taken by "git\.example\/ours\/keeper"/)
  t.regex(preload('add', 'keeper').stderr, /extension short name "keeper" matches several providers/)

  const source = writeSourceTree(stage.directory.path, {
    name: 'planner',
    sql: '',
    module: keeper('0'),
    moduleName: 'auto_explain',
  })
  stage.publish(source, ['git.example/ours/planner'])
  t.regex(stage.cluster.psql('CREATE EXTENSION planner').output, /name is taken by ".*\/auto_explain\.so"/)
  t.regex(preload('add', 'planner').stderr, /module name "auto_explain" is taken by ".*\/auto_explain\.so"/)
  t.is(await setting(), 'auto_explain, pginstall, keeper')
})

test.serial(
  'what would keep the server from starting is refused, and can be taken out while it is stopped',
  async (t) => {
    const source = writeSourceTree(stage.directory.path, {
      name: 'stubborn',
      sql: '',
      module: `#include "postgres.h"
#include "fmgr.h"
#include "utils/guc.h"
PG_MODULE_MAGIC;
extern PGDLLEXPORT void _PG_init(void);
void _PG_init(void) { if (GetConfigOption("stubborn.way", true, false) == NULL)
	ereport(ERROR, (errmsg("stubborn, for shared_preload_libraries, has not its way"))); }
`,
    })
    stage.publish(source, ['git.example/ours/stubborn'])
    stage.cluster.psql('CREATE EXTENSION stubborn')
    const refused = preload('add', 'stubborn')
    t.is(refused.status, 1)
    t.regex(
      refused.stderr,
      /a server does not start with shared_preload_libraries = 'auto_explain', 'pginstall', 'keeper', 'stubborn'/,
    )
    t.regex(refused.stderr, /stubborn, for shared_preload_libraries, has not its way/)

    const { query } = await stage.cluster.connect()
    await query(`ALTER SYSTEM SET dynamic_library_path = '$libdir'`)
    const lost = preload('add', 'stubborn')
    t.regex(lost.stderr, /the server would not find module "stubborn"/)
    await query('ALTER SYSTEM RESET dynamic_library_path')
    t.is(await setting(), 'auto_explain, pginstall, keeper')

    await stage.cluster.stop()
    const auto = readFileSync(join(stage.directory.path, 'cluster', 'data', 'postgresql.auto.conf'), 'utf8')
    t.regex(auto, /auto_explain, pginstall, keeper|"auto_explain", "pginstall", "keeper"/)
    rmSync(join(stage.state, 'main', 'lib', 'keeper.so'))
    await t.throwsAsync(stage.cluster.restart(), { message: /could not access file "keeper"/ })
    t.is(preload('remove', 'keeper').stdout, 'removed: keeper\n')
    await stage.cluster.restart()
    t.is(await setting(), 'auto_explain, pginstall')
    t.is(preload('remove', 'keeper').stdout, 'not there: keeper\n')
  },
)

test.serial('an output plugin is found by its plain name', async (t) => {
  const source = writeSourceTree(stage.directory.path, {
    name: 'teller',
    sql: '',
    module: `#include "postgres.h"
#include "fmgr.h"
#include "replication/logical.h"
#include "replication/output_plugin.h"
PG_MODULE_MAGIC;
extern PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);
static void startup(LogicalDecodingContext *ctx, OutputPluginOptions *options, bool is_init)
{ options->output_type = OUTPUT_PLUGIN_TEXTUAL_OUTPUT; }
static void begin(LogicalDecodingContext *ctx, ReorderBufferTXN *txn) {}
static void commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr lsn)
{ OutputPluginPrepareWrite(ctx, true); appendStringInfoString(ctx->out, "committed"); OutputPluginWrite(ctx, true); }
static void change(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation relation, ReorderBufferChange *change) {}
void _PG_output_plugin_init(OutputPluginCallbacks *callbacks)
{ callbacks->startup_cb = startup; callbacks->begin_cb = begin; callbacks->change_cb = change; callbacks->commit_cb = commit; }
`,
  })
  stage.publish(source, ['git.example/ours/teller'])
  const { query } = await stage.cluster.connect()
  await query(`ALTER SYSTEM SET wal_level = logical`)
  const [listed] = await query(`SELECT 1 FROM pg_settings WHERE name = 'output_plugin_libraries'`)
  if (listed) await query(`ALTER SYSTEM SET output_plugin_libraries = 'teller'`)
  await stage.cluster.restart()
  const session = await stage.cluster.connect()
  await session.query('CREATE EXTENSION teller')
  await session.query(`SELECT pg_create_logical_replication_slot('told', 'teller')`)
  await session.query('CREATE TABLE seen (x int); INSERT INTO seen VALUES (1)')
  const changes = await session.query(`SELECT DISTINCT data FROM pg_logical_slot_get_changes('told', NULL, NULL)`)
  t.deepEqual(changes, [{ data: 'committed' }])
  await session.query(`SELECT pg_drop_replication_slot('told')`)
})
