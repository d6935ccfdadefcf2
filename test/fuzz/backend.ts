// libFuzzer on the parsers in C: a test-only module in a single-user backend, whose process is the fuzzer's.
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packagePath } from '../../src/adapters/package-root.ts'
import { readPgConfig } from '../../src/adapters/pg-config.ts'
import { giveTo, serverUser, spawnAs } from '../helpers/os-users.ts'
import { defaultPgConfig } from '../helpers/private-installation.ts'
import { makeTemporaryDirectory, type TemporaryDirectory } from '../helpers/temporary-directory.ts'
import type { Finding, Target } from './target.ts'

/** Longest input, bytes: long enough for a result with two extensions. */
const maxInputBytes = 4096
/** The time that a run may take beyond the fuzzer's own, for the cluster and the end. */
const graceMs = 30_000

const ofOurs = ['palloc', 'palloc0', 'pnstrdup', 'psprintf'].map((name) => `-D${name}=fuzz_${name}`)

/** `corpus` is the folder of kept findings, which every run begins with. */
export function backendTargets(clang: string, corpus: string): Target[] {
  return [
    { name: 'names-c', run: (limitMs) => run(clang, corpus, 'names', limitMs) },
    { name: 'answers-c', run: (limitMs) => run(clang, corpus, 'answers', limitMs) },
    { name: 'statements-c', run: (limitMs) => run(clang, corpus, 'statements', limitMs) },
  ]
}

type NameCase = { kind: string; text: string }
type AnswerCase = { request: string; line?: string; hex?: string; fill?: number }

const long = `a.example/${'segment/'.repeat(8)}x`
const statements = [
  `CREATE EXTENSION "${long}" VERSION '1' CASCADE`,
  `/* a /* nested */ */ create extension if not exists -- "x"\n "${long}"; ALTER EXTENSION "${long}" UPDATE`,
  `CREATE EXTENSION U&"a\\0041${long}" SCHEMA "q""r"; CREATE EXTENSION U&"!0041${long}" UESCAPE '!'`,
  `SELECT $$ CREATE EXTENSION "${long}" $$; CREATE EXTENSION "${long.slice(0, 60)}""é😀"; CREATE EXTENSION ${'x'.repeat(70)}`,
  `DROP EXTENSION IF EXISTS a, "${long}", U&"${long}??+01f600" UESCAPE '?' CASCADE; COMMENT ON EXTENSION "${long}" IS ''`,
  `ALTER FUNCTION f(a('it''s', E'\\''), b($a$"$a$)) NO DEPENDS ON EXTENSION "${long}"; ALTER EXTENSION "${long}" ADD TABLE t`,
  `ALTER TRIGGER a ON extension DEPENDS ON EXTENSION "${long}" -- b\n; CREATE LANGUAGE U&"\\D83D\\DE00${long}"`,
]

/** Of names and answers the first byte says which grammar or request, as parsers.c has it. */
function seedsOf(target: string): Buffer[] {
  if (target === 'statements') return statements.map((text) => Buffer.from(text))
  const read = (file: string) => JSON.parse(readFileSync(packagePath(`protocol/corpus/${file}.json`), 'utf8'))
  const kinds =
    target === 'names'
      ? ['full_name', 'short_name', 'version', 'module', 'pattern']
      : ['create_extension', 'search', 'status']
  const seed = (kind: string, bytes: Buffer) => Buffer.concat([Buffer.from([kinds.indexOf(kind)]), bytes])
  if (target === 'names') return (read('names') as NameCase[]).map(({ kind, text }) => seed(kind, Buffer.from(text)))
  return (read('answers') as AnswerCase[])
    .filter(({ fill }) => fill === undefined)
    .map(({ request, line, hex }) =>
      seed(request, hex === undefined ? Buffer.from(line ?? '') : Buffer.from(hex, 'hex')),
    )
}

async function run(clang: string, corpus: string, target: string, limitMs: number) {
  const directory = makeTemporaryDirectory('fuzz')
  try {
    const installation = await readPgConfig(defaultPgConfig, AbortSignal.timeout(10_000))
    const module = buildModule(clang, directory, installation.includedirServer)
    const [data, found, seeds] = ['data', 'found', 'seeds'].map((name) => directory.make(name, serverUser))
    const as = { ...spawnAs(serverUser), cwd: data }
    execFileSync(
      join(installation.bindir, 'initdb'),
      ['-D', data, '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'] as string[],
      { ...as, stdio: ['ignore', 'ignore', 'pipe'] },
    )
    for (const [i, seed] of [...seedsOf(target), ...keptIn(join(corpus, `${target}-c`))].entries()) {
      const file = join(seeds as string, String(i))
      writeFileSync(file, seed)
      giveTo(serverUser, file)
    }
    const options = [
      `-max_total_time=${Math.ceil(limitMs / 1000)}`,
      `-artifact_prefix=${found}/`,
      '-print_final_stats=1',
      `-max_len=${maxInputBytes}`,
      '-timeout=10',
      seeds,
    ]
    const input = `CREATE FUNCTION fuzz(text, text[]) RETURNS void AS '${module}' LANGUAGE c;\nSELECT fuzz('${target}', '{${options.join(',')}}');\n`
    const { status, signal, stderr } = spawnSync(
      join(installation.bindir, 'postgres'),
      ['--single', '-D', data as string, 'postgres'],
      { ...as, input, encoding: 'utf8', timeout: Math.ceil(limitMs) + graceMs, maxBuffer: 2 ** 28 },
    )
    const runs = Number(/number_of_executed_units: ([0-9]+)/.exec(stderr)?.[1] ?? 0)
    const report = stderr.split('\n').slice(-30).join('\n')
    const findings: Finding[] = keptIn(found as string).map((content) => ({ content, extension: '.bin', report }))
    if (findings.length === 0 && (status !== 0 || runs === 0))
      throw new Error(`the fuzzer of ${target} ended with ${signal ?? status}:\n${report}`)
    return { runs, findings }
  } finally {
    directory.remove()
  }
}

function keptIn(folder: string): Buffer[] {
  return existsSync(folder) ? readdirSync(folder).map((file) => readFileSync(join(folder, file))) : []
}

/** libFuzzer brings its own main() in one library and none in another; -Bsymbolic keeps its hooks inside the module. */
function buildModule(clang: string, directory: TemporaryDirectory, includedir: string): string {
  const module = join(directory.path, 'fuzz.so')
  const resources = execFileSync(clang, ['-print-resource-dir'], { encoding: 'utf8' }).trim()
  const machine = execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim()
  const sources = ['names', 'message', 'answer_json', 'statement_name', 'name_reader'].map((name) =>
    packagePath(`pgext/src/${name}.c`),
  )
  execFileSync(
    clang,
    [
      ...['-g', '-O1', '-std=gnu99', '-Wno-ignored-attributes', '-fPIC', '-shared', '-Wl,-Bsymbolic', '-o', module],
      ...['-fsanitize=undefined,fuzzer-no-link', '-fsanitize-trap=undefined', '-fno-sanitize=alignment', ...ofOurs],
      ...['-I', packagePath('pgext/src'), '-I', includedir, packagePath('test/fuzz/backend/parsers.c'), ...sources],
      ...[join(resources, 'lib/linux', `libclang_rt.fuzzer_no_main-${machine}.a`), '-lstdc++', '-lm'],
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  chmodSync(module, 0o755)
  return module
}
