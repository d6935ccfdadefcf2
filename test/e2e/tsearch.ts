// Extensions that ship text search files, which PostgreSQL reads from its own directory alone.
import { existsSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { type Outcome, pginstall, runPginstall } from '../helpers/command.ts'
import { forgeArchive } from '../helpers/forged-archive.ts'
import { setScene } from '../helpers/scene.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

let stage: Stage
let folder: string

test.before(async () => {
  stage = await setStage()
  // That of the private installation is a link to the system's.
  folder = join(stage.installation.sharedir, 'tsearch_data')
  const system = readlinkSync(folder)
  rmSync(folder)
  mkdirSync(folder)
  for (const file of readdirSync(system)) symlinkSync(join(system, file), join(folder, file))
})

test.after.always(() => stage?.close())

let forged = 0

function forge(provider: string, version: string, synonym: string, from?: string): Promise<string> {
  const update = { [`words/words--${from}--${version}.sql`]: { kind: 'script' as const, content: 'SELECT 1;' } }
  return forgeArchive(stage.directory.make(`forged-${++forged}`), {
    fullName: `git.example/${provider}/words`,
    version,
    control: `default_version = '${version}'\n`,
    script: 'CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = synonym, SYNONYMS = words_sample);',
    files: {
      'words/share/tsearch_data/words_sample.syn': { kind: 'data', content: `postgres ${synonym}\n` },
      ...(from === undefined ? {} : update),
    },
  })
}

function tsearch(...args: string[]): Outcome {
  return runPginstall(stage.configDirectory, ['tsearch', ...args])
}

test.serial('the error names files and command, the command links them, and gc keeps what is linked', async (t) => {
  const scene = await setScene(t, stage)
  const { repository, session } = scene
  await repository.add(await forge('ours', '1.0', 'pgsql'))
  repository.publish()
  const lexize = `SELECT ts_lexize('words', 'postgres') AS found`
  const link = join(folder, 'words_sample.syn')
  const refused = {
    code: '58P01',
    message: /^extension "words" has text search files that the server does not find$/,
    detail: /^In ".*\/tsearch_data", .* there is no "words_sample\.syn"\.$/,
    hint: /^Type "pginstall tsearch link git\.example\/ours\/words --target main" as root/,
  }
  t.regex(tsearch('link', 'words').stderr, /the store has no extension "words" for this server/)
  await scene.fails('CREATE EXTENSION words', refused)

  t.regex(pginstall(stage.configDirectory, 'tsearch', 'link', 'words', '--dry-run'), /^link .*words_sample\.syn to /)
  t.false(existsSync(link))
  pginstall(stage.configDirectory, 'tsearch', 'link', 'words')
  await session.query('CREATE EXTENSION words')
  t.deepEqual(await session.query(lexize), [{ found: ['pgsql'] }])
  t.regex(tsearch('link', 'git.example/ours/words=1.0').stderr, /everything is as it should be/)

  // Another version's file: the old one stays until it is said otherwise.
  await repository.add(await forge('ours', '1.1', 'elephant', '1.0'))
  repository.publish()
  await session.query('ALTER EXTENSION words UPDATE')
  t.true(session.notices.some((notice) => /^the server has other text search files than version "1\.1"/.test(notice)))
  pginstall(stage.configDirectory, 'tsearch', 'link', 'words')
  const later = await stage.cluster.connect({ database: scene.database })
  t.deepEqual(await later.query(lexize), [{ found: ['elephant'] }])

  await session.query('DROP EXTENSION words')
  const gc = () => JSON.parse(pginstall(stage.configDirectory, 'gc', '--role', 'postgres', '--json'))
  const { removed, kept } = gc()
  t.deepEqual(
    removed.map(({ version }: { version: string }) => version),
    ['1.0'],
  )
  t.deepEqual(kept[0]?.reasons, ['The installation of target "main" has links to its files.'])
  pginstall(stage.configDirectory, 'tsearch', 'unlink', 'words')
  t.false(existsSync(link))
  t.is(gc().removed.length, 1)
})

test.serial('what somebody else has put there stays, and may be as good', async (t) => {
  const scene = await setScene(t, stage)
  await scene.repository.add(await forge('ours', '1.0', 'pgsql'))
  await scene.repository.add(await forge('theirs', '1.0', 'mine'))
  scene.repository.publish()
  const path = join(folder, 'words_sample.syn')
  const create = (provider: string) => `BEGIN; CREATE EXTENSION "git.example/${provider}/words"; ROLLBACK`
  const other = /there is another text search file ".*words_sample\.syn"[\s\S]*SQLSTATE: 42710/

  writeFileSync(path, 'postgres pgsql\n')
  await scene.session.query(create('ours'))
  t.regex(tsearch('link', 'words').stderr, /everything is as it should be/)
  await scene.session.query(create('theirs'))
  t.true(scene.session.notices.some((notice) => notice.startsWith('the server has other text search files')))
  t.regex(tsearch('link', 'words').stderr, /matches several providers[\s\S]*SQLSTATE: PI001/)
  t.regex(tsearch('link', 'git.example/theirs/words').stderr, other)
  rmSync(path)
  pginstall(stage.configDirectory, 'tsearch', 'link', 'git.example/ours/words')
  t.regex(tsearch('link', 'git.example/theirs/words').stderr, other)
  pginstall(stage.configDirectory, 'tsearch', 'unlink', 'git.example/ours/words')
})
