// The story, on real input: a real extension is built, published under two full names, and installed from psql.
// npm run demo -- [--keep] [SOURCE]; SOURCE is a directory or a git URI, Debian's source of `prefix` without.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { packagePath } from '../src/adapters/package-root.ts'
import { parseIdentity } from '../src/model/archive-identity.ts'
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

async function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({
    options: { keep: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  const directory = makeTemporaryDirectory('demo')
  let stage: Stage | undefined
  let keep = false
  try {
    const source = positionals[0] ?? sourceOfPrefix()
    say(`Starting PostgreSQL, a repository server and a sidecar in ${directory.path}`)
    stage = await setStage(directory)
    say(`Building ${source} and publishing it at ${stage.repository.uri}`)
    const published = publish(stage, source)
    for (const name of published) say(`  ${name}`)
    const chosen = published.at(-1) as string
    stage.cluster.psql(`CREATE DATABASE ${database}`)
    const results = story(chosen.split('/').at(-1) as string, chosen, published).map((step) =>
      play(stage as Stage, step),
    )
    const good = results.every(Boolean)
    say(good ? '\nEvery step gave what it should.' : '\nSome steps did not give what they should.')
    keep = values.keep
    if (keep) farewell(stage)
    return good
  } finally {
    if (!keep) {
      await stage?.close()
      directory.remove()
    }
  }
}

process.exit((await main()) ? 0 : 1)
