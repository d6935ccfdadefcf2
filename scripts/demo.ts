// The story, on real input: a real extension is built, published under two full names, and installed from psql.
// npm run demo -- [--keep] [SOURCE]; SOURCE is a directory or a git URI, Debian's source of `prefix` without.
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { Command, CommanderError } from 'commander'
import { packagePath } from '../src/adapters/package-root.ts'
import { formatError } from '../src/cli/context.ts'
import { parseIdentity } from '../src/model/archive-identity.ts'
import { reportError } from '../src/model/errors.ts'
import { CommandFailure } from '../test/helpers/command.ts'
import { type Stage, setStage } from '../test/helpers/stage.ts'
import { makeTemporaryDirectory } from '../test/helpers/temporary-directory.ts'

type Step = {
  sql: string
  /** What must be in what psql shows. */
  shows: (string | RegExp)[]
  fails?: boolean
}

const database = 'demo'
const owners = ['dim', 'fdr']

const say = (text: string) => process.stdout.write(text + '\n')
const complain = (text: string) => process.stderr.write(text + '\n')

function sourceOfPrefix(): string {
  const directory = packagePath('build/sources/prefix')
  if (!existsSync(directory))
    execFileSync(packagePath('scripts/fetch-source'), ['prefix', 'trixie', directory], { stdio: ['ignore', 2, 2] })
  return directory
}

/** The last element is put right by the build when the control file says otherwise. */
function publish(stage: Stage, source: string): string[] {
  const guess =
    source
      .replace(/\/+$/, '')
      .split('/')
      .at(-1)
      ?.replace(/\.git$/, '') ?? ''
  const files = stage.publish(
    source,
    owners.map((owner) => `github.com/${owner}/${guess}`),
  )
  return files.map((file) => parseIdentity(file.split('/').at(-1) as string).fullName)
}

function story(short: string, chosen: string, others: string[]): Step[] {
  return [
    { sql: 'CREATE EXTENSION pginstall;', shows: [/^CREATE EXTENSION$/m] },
    {
      sql: `CREATE EXTENSION ${/^[a-z_][a-z0-9_]*$/.test(short) ? short : `"${short}"`};`,
      fails: true,
      shows: [
        `extension short name "${short}" matches several providers`,
        /DETAIL: {2}The extensions .* match the short name/,
        ...others.map((name) => `"${name}"`),
        'HINT:  Please use the full name of the extension you want to install.',
      ],
    },
    {
      sql: `CREATE EXTENSION "${chosen}";`,
      shows: [
        `NOTICE:  extension "${chosen}" is not locally available`,
        'NOTICE:  updating repository stage',
        new RegExp(`NOTICE: {2}found extension ${short}, version \\S+, at stage`),
        /NOTICE: {2}fetching http:\S+/,
        /^CREATE EXTENSION$/m,
      ],
    },
    ...(short === 'prefix' ? queries : []),
    { sql: '\\dx', shows: [/^ pginstall +\|/m, new RegExp(`^ ${short} +\\|`, 'm')] },
    {
      sql: 'SELECT name, full_name, version, repository, left(digest, 12) AS digest FROM pginstall.installed;',
      shows: [chosen, 'stage'],
    },
  ]
}

const queries: Step[] = [
  { sql: 'CREATE TABLE carriers (prefix prefix_range PRIMARY KEY, name text NOT NULL);', shows: ['CREATE TABLE'] },
  {
    sql: `INSERT INTO carriers SELECT n::text::prefix_range, 'carrier ' || n FROM generate_series(1000, 9999) AS n;`,
    shows: ['INSERT 0 9000'],
  },
  { sql: 'CREATE INDEX carriers_prefix ON carriers USING gist (prefix); ANALYZE carriers;', shows: ['CREATE INDEX'] },
  {
    sql: `EXPLAIN (COSTS OFF) SELECT name FROM carriers WHERE prefix @> '0146640123'::prefix_range OR prefix @> '4221234567';`,
    shows: ['carriers_prefix', /Index/],
  },
  { sql: `SELECT name FROM carriers WHERE prefix @> '4221234567';`, shows: ['carrier 4221', '(1 row)'] },
]

/** Whether psql showed what the step is there to show. */
function play(stage: Stage, { sql, shows, fails = false }: Step): boolean {
  say(`\n${database}=# ${sql}`)
  const { status, output } = stage.cluster.psql(sql, { database })
  say(output.trimEnd())
  const missing = shows.filter((wanted) =>
    typeof wanted === 'string' ? !output.includes(wanted) : !wanted.test(output),
  )
  for (const wanted of missing) say(`!! expected to see: ${wanted}`)
  if ((status !== 0) !== fails) say(`!! expected psql to ${fails ? 'fail' : 'succeed'}, its status is ${status}`)
  return missing.length === 0 && (status !== 0) === fails
}

/** How to join in, and how to end it all. */
function farewell(stage: Stage): void {
  const processes = [stage.sidecar.pid, stage.repository.pid, stage.cluster.pid].join(' ')
  say(`\nStill running. Join in:   psql -h ${stage.cluster.socketDirectory} -U postgres ${database}`)
  say(`The repository is at       ${stage.repository.uri}`)
  say(`End it:                    kill ${processes}; sleep 2; rm -rf ${stage.directory.path}`)
}

/** Ended by a signal: the rest of the process group has it as well, and npm passes it on once more. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController()
  for (const [name, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) return
      process.exitCode = status
      say(`\nEnded by ${name}: stopping what was started, and removing it`)
      controller.abort(new Error(`ended by ${name}`))
    })
  }
  return controller.signal
}

/** Programs are waited for without hearing signals; here they are heard. */
async function hear(signal: AbortSignal): Promise<void> {
  await setImmediate()
  signal.throwIfAborted()
}

async function tell(stage: Stage, source: string, signal: AbortSignal): Promise<boolean> {
  say(`Building ${source} and publishing it at ${stage.repository.uri}`)
  const published = publish(stage, source)
  for (const name of published) say(`  ${name}`)
  await hear(signal)
  const chosen = published.at(-1) as string
  stage.cluster.psql(`CREATE DATABASE ${database}`)
  let good = true
  for (const step of story(chosen.split('/').at(-1) as string, chosen, published)) {
    good = play(stage, step) && good
    await hear(signal)
  }
  say(good ? '\nEvery step gave what it should.' : '\nSome steps did not give what they should.')
  return good
}

/** As the command shows it. A log that it names is kept, since all that the demo made goes. */
function showFailure(thrown: unknown, directory: string): void {
  const text = thrown instanceof CommandFailure ? thrown.stderr.trimEnd() : formatError(reportError(thrown))
  const [, log] = /\blog (?:is )?in "?([^"\s]+\.log)\b/.exec(text) ?? []
  if (log === undefined || !existsSync(log)) {
    complain(text)
  } else {
    const kept = `${directory}.log`
    copyFileSync(log, kept)
    complain(text.replaceAll(log, kept))
  }
}

async function demonstrate(source: string | undefined, keep: boolean, signal: AbortSignal): Promise<boolean> {
  const directory = makeTemporaryDirectory('demo')
  let stage: Stage | undefined
  let kept = false
  try {
    const found = source ?? sourceOfPrefix()
    await hear(signal)
    say(`Starting PostgreSQL, a repository server and a sidecar in ${directory.path}`)
    stage = await setStage(directory, { signal })
    const good = await tell(stage, found, signal)
    kept = keep
    if (kept) farewell(stage)
    return good
  } catch (thrown) {
    // A program that the signal ended fails before we have heard of it.
    await setImmediate()
    if (!signal.aborted) showFailure(thrown, directory.path)
    return false
  } finally {
    if (!kept) {
      if (!signal.aborted) say(`Stopping what was started, and removing ${directory.path}`)
      await stage?.close()
      directory.remove()
    }
  }
}

const program = new Command('npm run demo --')
  .argument('[source]', 'a directory or a git URI; the source of the extension prefix when it is not given')
  .option('--keep', 'leave everything running afterwards', false)
  .exitOverride()
  .showHelpAfterError('(add --help for the options)')
  .action(async (source: string | undefined, { keep }: { keep: boolean }) => {
    if (!(await demonstrate(source, keep, abortOnSignals()))) process.exitCode ||= 1
  })

try {
  await program.parseAsync()
} catch (thrown) {
  // Commander has said already what is wrong with the arguments; 0 is --help.
  if (thrown instanceof CommanderError) process.exitCode = thrown.exitCode === 0 ? 0 : 2
  else {
    complain(formatError(reportError(thrown)))
    process.exitCode ||= 1
  }
}
process.exit()
