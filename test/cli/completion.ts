// Completion and man page are made of what parses command lines; here is whether shells and roff take them.
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { packagePath } from '../../src/adapters/package-root.ts'
import { connectServiceManager } from '../../src/adapters/service-manager.ts'
import { flatten, readCommandTree } from '../../src/cli/command-tree.ts'
import { createContext } from '../../src/cli/context.ts'
import { createProgram } from '../../src/cli/program.ts'
import { pginstall, runPginstall } from '../helpers/command.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const nowhere = makeTemporaryDirectory('completion')
test.after.always(() => nowhere.remove())

const tree = readCommandTree(
  await createProgram(
    createContext({
      configDirectories: [],
      environment: {},
      signal: new AbortController().signal,
      serviceManager: connectServiceManager(undefined, undefined),
    }),
  ),
)

/** What bash offers for the last of the words. */
function completeInBash(...words: string[]): string[] {
  const script = `eval "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pginstall; printf '%s\\n' "\${COMPREPLY[@]}"`
  const completion = pginstall(nowhere.path, 'completion', 'bash')
  const output = execFileSync('bash', ['--norc', '-c', script, 'bash', completion, ...words], { encoding: 'utf8' })
  return output.split('\n').filter((line) => line !== '')
}

test('bash completes commands, options and choices, and leaves values to file names', (t) => {
  t.deepEqual(completeInBash('pginstall', 'ser'), ['server'])
  t.deepEqual(completeInBash('pginstall', 'server', 'st').toSorted(), ['start', 'status', 'stop'])
  t.deepEqual(completeInBash('pginstall', 'install', '--database', 'shop', '--ca'), ['--cascade'])
  t.deepEqual(completeInBash('pginstall', 'install', '--database', ''), [])
  t.deepEqual(completeInBash('pginstall', 'completion', 'b'), ['bash'])
  // A word that is a command elsewhere is none here.
  t.deepEqual(completeInBash('pginstall', 'install', 'server', '--fore'), [])
})

test('each shell’s script has every command and every long option', (t) => {
  const nodes = flatten(tree)
  t.true(nodes.length > 10)
  for (const shell of ['bash', 'zsh', 'fish']) {
    const script = pginstall(nowhere.path, 'completion', shell)
    for (const { path, options } of nodes) {
      t.true(script.includes(path.at(-1) as string), `${shell}: ${path.join(' ')}`)
      for (const { long } of options) {
        const written = shell === 'fish' ? `-l ${long?.slice(2)}` : (long as string)
        t.true(script.includes(written), `${shell}: ${long}`)
      }
    }
  }
  t.is(runPginstall(nowhere.path, ['completion', 'csh']).status, 2)
})

test('the man page is sound roff with every command, option and note', (t) => {
  const page = join(nowhere.path, 'pginstall.1')
  execFileSync(process.execPath, [packagePath('dist/scripts/man-page.js'), page])
  const text = readFileSync(page, 'utf8')
  for (const { path, options, commands, notes } of flatten(tree)) {
    if (commands.length === 0) t.true(text.includes(`.SS "${path.join(' ').replaceAll('-', '\\-')} `), path.join(' '))
    for (const { flags } of options) t.true(text.includes(`.B ${flags.replaceAll('-', '\\-')}\n`), flags)
    t.true(text.includes(notes.replaceAll('-', '\\-')), notes)
  }
  t.regex(text, /Exit status: 0 when all are there/)
  const groff = spawnSync('groff', ['-man', '-ww', '-z', '-Tutf8', page], { encoding: 'utf8' })
  if (groff.error === undefined) t.is(groff.stderr, '')
})

test('a reader that has read enough is no error', (t) => {
  const script = `"$@" | head -c 1; printf '%s' "\${PIPESTATUS[0]}"`
  const program = packagePath('dist/src/cli/main.js')
  const shown = spawnSync('bash', ['-c', script, 'bash', process.execPath, program, 'completion', 'bash'], {
    encoding: 'utf8',
  })
  t.is(shown.stdout, '#0')
  t.is(shown.stderr, '')
})
