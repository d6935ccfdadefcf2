// Builds of real sources, small ones in test/fixtures/ and one from a Debian source package.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { readArchive } from '../../src/adapters/archive-reader.ts'
import { packagePath } from '../../src/adapters/package-root.ts'
import { type BuildOptions, type BuiltArchive, buildExtension } from '../../src/build/build.ts'
import { PginstallError } from '../../src/model/errors.ts'
import { defaultPgConfig } from '../helpers/private-installation.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const directory = makeTemporaryDirectory('build')
test.after.always(() => directory.remove())

let count = 0
/** Builds a source into an output directory of its own; nothing may be left of it elsewhere. */
async function build(source: string, more: Partial<BuildOptions> = {}): Promise<BuiltArchive[]> {
  const place = directory.make(`build-${count++}`)
  const buildRoot = join(place, 'scratch')
  mkdirSync(buildRoot)
  const built = buildExtension({
    source,
    fullName: 'a.example/tests/specimen',
    pgConfigs: [defaultPgConfig],
    outputDirectory: join(place, 'output'),
    logDirectory: join(place, 'log'),
    buildRoot,
    buildNumber: 1,
    requires: {},
    gmake: 'make',
    signal: new AbortController().signal,
    onProgress: () => {},
    ...more,
  })
  await built.catch(() => undefined)
  const left = readdirSync(buildRoot)
  if (left.length > 0) throw new Error(`a build left ${left}`)
  return built
}

const fixture = (name: string) => packagePath(`test/fixtures/${name}`)
const pathsOf = ({ manifest }: BuiltArchive) => manifest.files.map(({ kind, path }) => `${kind} ${path}`).sort()

function copyFixture(name: string): string {
  const copy = directory.make(`copy-${count++}`)
  cpSync(fixture(name), copy, { recursive: true })
  return copy
}

function git(tree: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@a.example', '-c', 'init.defaultBranch=main']
  return execFileSync('git', ['-C', tree, ...identity, ...args], { encoding: 'utf8' }).trim()
}

async function contentOf(archive: BuiltArchive, path: string): Promise<string> {
  let found = ''
  await readArchive(archive.file, {
    signal: new AbortController().signal,
    onFile: async (file, content) => {
      if (file.path === path) for await (const chunk of content) found += chunk.toString('latin1')
    },
  })
  return found
}

test('an extension in SQL alone makes an archive for every server', async (t) => {
  const [archive, ...more] = (await build(fixture('sql_only'))) as [BuiltArchive]
  t.is(more.length, 0)
  t.is(archive.identity, 'a.example+tests+sql_only--1.1--any--1.tar.gz')
  const { manifest } = archive
  t.deepEqual([manifest.postgresql, manifest.os, manifest.needs], [null, null, null])
  t.deepEqual(manifest.updates, [['1.0', '1.1']])
  t.is(manifest.description, 'an extension without a module')
  t.regex(manifest.source_revision, /^sha256:[0-9a-f]{64}$/)
  t.deepEqual(pathsOf(archive), [
    'control sql_only.control',
    'doc sql_only/doc/README.md',
    'script sql_only/sql_only--1.0--1.1.sql',
    'script sql_only/sql_only--1.0.sql',
    'script sql_only/sql_only--1.1.sql',
  ])
  t.is(readFileSync(archive.file).length, archive.size)
})

test('a source with two control files makes two archives, each with its own module', async (t) => {
  const built = await build(fixture('two_extensions'))
  t.deepEqual(built.map(({ manifest }) => manifest.full_name).sort(), [
    'a.example/tests/first',
    'a.example/tests/second',
  ])
  const first = built.find(({ manifest }) => manifest.name === 'first') as BuiltArchive
  const second = built.find(({ manifest }) => manifest.name === 'second') as BuiltArchive
  t.deepEqual(pathsOf(first), ['control first.control', 'module first/first_module.so', 'script first/first--1.0.sql'])
  t.deepEqual(pathsOf(second), [
    'control second.control',
    'module second/second_module.so',
    'script second/second--2.0.sql',
  ])
  t.deepEqual([first.manifest.preload, second.manifest.preload], [false, true])
  t.deepEqual(second.manifest.requires, [{ name: 'first', provider: 'a.example/tests/first' }])
  t.regex(first.identity, /^a\.example\+tests\+first--1\.0--pg\d+--[a-z0-9._]+-[a-z0-9_]+--1\.tar\.gz$/)
  t.is(first.manifest.needs?.libc, 'glibc')
  const module = await contentOf(first, 'first/first_module.so')
  t.false(module.includes('.debug_info'), 'it is stripped')
})

test('the same source gives the same bytes in another directory, later', async (t) => {
  const [here] = await build(fixture('two_extensions'))
  const [there] = await build(copyFixture('two_extensions'))
  t.is(here?.sha256, there?.sha256)
})

test('objects that a build has left in the source are not taken', async (t) => {
  const [clean] = await build(fixture('two_extensions'))
  const stale = copyFixture('two_extensions')
  writeFileSync(join(stale, 'first_module.o'), 'stale')
  writeFileSync(join(stale, 'first_module.so'), 'stale')
  t.is((await build(stale))[0]?.sha256, clean?.sha256)
})

test('auxiliary control files, scripts in a directory, data; programs have no place', async (t) => {
  const progress: string[] = []
  const built = await build(fixture('with_auxiliary'), { onProgress: (line) => progress.push(line) })
  t.deepEqual(pathsOf(built[0] as BuiltArchive), [
    'auxiliary_control with_auxiliary/with_auxiliary--1.0.control',
    'control with_auxiliary.control',
    'data with_auxiliary/share/tsearch_data/with_auxiliary.stop',
    'data with_auxiliary/units.data',
    'script with_auxiliary/with_auxiliary--1.0.sql',
    'script with_auxiliary/with_auxiliary--2.0.sql',
  ])
  t.true(progress.some((line) => /^no archive has a place for .*\/with_auxiliary_tool$/.test(line)))
})

test('required extensions get their providers at build time', async (t) => {
  const error = await t.throwsAsync(build(fixture('needs_contrib')), { instanceOf: PginstallError })
  t.is(error?.sqlstate, 'PI004')
  t.regex(error?.hint ?? '', /--requires sql_only=/)
  const [archive] = await build(fixture('needs_contrib'), { requires: { sql_only: 'b.example/sql_only' } })
  t.deepEqual(archive?.manifest.requires, [
    { name: 'hstore', provider: 'builtin' },
    { name: 'sql_only', provider: 'b.example/sql_only' },
  ])
})

test('a source that does not compile: the compiler’s words, and the log', async (t) => {
  const logDirectory = directory.make('failed-log')
  const error = await t.throwsAsync(build(fixture('fails_to_build'), { logDirectory }), { instanceOf: PginstallError })
  t.is(error?.sqlstate, 'PI004')
  t.regex(error?.detail ?? '', /this source does not compile/)
  const [log] = readdirSync(logDirectory)
  t.true(error?.hint?.includes(join(logDirectory, String(log))))
  t.regex(readFileSync(join(logDirectory, String(log)), 'utf8'), /this source does not compile/)
})

test('sources that are none', async (t) => {
  const empty = directory.make('empty')
  await t.throwsAsync(build(empty), { message: /neither a Makefile nor a configure script/ })
  await t.throwsAsync(build(join(empty, 'absent')), { message: /neither a directory nor a URI/ })
  writeFileSync(join(empty, 'Makefile'), 'all install:\n')
  await t.throwsAsync(build(empty), { message: /installed nothing/ })
  writeFileSync(join(empty, 'Makefile'), 'all:\ninstall:\n\tmkdir -p $(DESTDIR)/x && echo x > $(DESTDIR)/x/y\n')
  await t.throwsAsync(build(empty), { message: /installs no control file/ })
  await t.throwsAsync(build(`file://${join(empty, 'absent')}`), { message: /could not clone/ })
})

test('a source with a configure script is configured, for the server that it is built for', async (t) => {
  const tree = copyFixture('sql_only')
  renameSync(join(tree, 'Makefile'), join(tree, 'Makefile.in'))
  const script = '#!/bin/sh\ncp Makefile.in Makefile\necho "$1" > README.md\n'
  writeFileSync(join(tree, 'configure'), script, { mode: 0o755 })
  const [archive] = (await build(tree)) as [BuiltArchive]
  t.is(await contentOf(archive, 'sql_only/doc/README.md'), `--with-pgconfig=${defaultPgConfig}\n`)
})

test('a configure script that has to be made first', async (t) => {
  const tree = copyFixture('sql_only')
  writeFileSync(join(tree, 'configure.ac'), '')
  writeFileSync(
    join(tree, 'autogen.sh'),
    "#!/bin/sh\nprintf '#!/bin/sh\\necho made > README.md\\n' > configure\nchmod +x configure\n",
    { mode: 0o755 },
  )
  const [archive] = (await build(tree)) as [BuiltArchive]
  t.is(await contentOf(archive, 'sql_only/doc/README.md'), 'made\n')
})

test('a module that registers a background worker wants to be preloaded', async (t) => {
  const tree = copyFixture('two_extensions')
  const source = join(tree, 'first_module.c')
  const more =
    '#include "postmaster/bgworker.h"\nvoid start(BackgroundWorker *worker);\nvoid start(BackgroundWorker *worker) { RegisterBackgroundWorker(worker); }\n'
  writeFileSync(source, readFileSync(source, 'utf8') + more)
  const built = await build(tree)
  t.true(built.find(({ manifest }) => manifest.name === 'first')?.manifest.preload)
})

test('a control file without default_version', async (t) => {
  const tree = copyFixture('sql_only')
  writeFileSync(join(tree, 'sql_only.control'), "comment = 'x'\n")
  await t.throwsAsync(build(tree), { message: 'control file "sql_only.control" has no default_version' })
})

test('what is there already is left alone when it is the same, and never replaced', async (t) => {
  const outputDirectory = directory.make('kept')
  const [first] = (await build(fixture('sql_only'), { outputDirectory })) as [BuiltArchive]
  t.is((await build(fixture('sql_only'), { outputDirectory }))[0]?.sha256, first.sha256)
  const changed = copyFixture('sql_only')
  writeFileSync(join(changed, 'README.md'), 'changed\n')
  const error = await t.throwsAsync(build(changed, { outputDirectory }), { instanceOf: PginstallError })
  t.is(error?.sqlstate, '42710')
  const [second] = await build(changed, { outputDirectory, buildNumber: 2 })
  t.is(second?.identity, first.identity.replace('--1.tar.gz', '--2.tar.gz'))
  t.deepEqual(readdirSync(outputDirectory).sort(), [first.identity, second?.identity])
})

test('several installations, one archive in SQL', async (t) => {
  t.is((await build(fixture('sql_only'), { pgConfigs: [defaultPgConfig, defaultPgConfig] })).length, 1)
})

test('the revision of our own clone is its commit; that of somebody’s checkout is its content, whatever git says', async (t) => {
  const tree = copyFixture('sql_only')
  writeFileSync(join(tree, '.gitignore'), 'ignored.md\n')
  git(tree, 'init', '--quiet')
  git(tree, 'add', '.')
  git(tree, 'commit', '--quiet', '-m', 'x')
  writeFileSync(join(tree, 'ignored.md'), 'x')
  const commit = git(tree, 'rev-parse', 'HEAD')
  const [cloned] = await build(`file://${tree}`)
  t.is(cloned?.manifest.source_revision, `git:${commit}`)
  git(tree, 'update-index', '--assume-unchanged', 'sql_only--1.0.sql')
  writeFileSync(join(tree, 'sql_only--1.0.sql'), 'SELECT 1;\n')
  t.is(git(tree, 'status', '--porcelain'), '')
  t.regex((await build(tree))[0]?.manifest.source_revision ?? '', /^sha256:/)
})

test('an abort ends the build and leaves nothing', async (t) => {
  const controller = new AbortController()
  const tree = copyFixture('sql_only')
  writeFileSync(join(tree, 'Makefile'), 'all:\n\tsleep 60\n')
  const onProgress = (line: string) => {
    if (line.startsWith('building')) setImmediate(() => controller.abort())
  }
  const error = await t.throwsAsync(build(tree, { signal: controller.signal, onProgress }), {
    instanceOf: PginstallError,
  })
  t.is(error?.sqlstate, '57014')
})

test('a real extension: prefix, from a Debian source package', async (t) => {
  const tree = join(directory.path, 'prefix')
  execFileSync(packagePath('scripts/fetch-source'), ['prefix', 'trixie', tree], { stdio: 'ignore' })
  const [archive] = (await build(tree, { fullName: 'github.com/dim/prefix' })) as [BuiltArchive]
  const elsewhere = join(directory.path, 'another', 'place')
  mkdirSync(elsewhere, { recursive: true })
  cpSync(tree, elsewhere, { recursive: true })
  rmSync(tree, { recursive: true })
  t.is((await build(elsewhere, { fullName: 'github.com/dim/prefix' }))[0]?.sha256, archive.sha256)
  t.deepEqual(archive.manifest.modules, ['prefix'])
  t.is(archive.manifest.full_name, 'github.com/dim/prefix')
})
