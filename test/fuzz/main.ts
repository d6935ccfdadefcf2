// npm run fuzz: all fuzzers, or those named, for a time in all. Prints a line for each; fails when something was found.
import { parseArgs } from 'node:util'
import { packagePath } from '../../src/adapters/package-root.ts'
import { backendTargets } from './backend.ts'
import { keepFinding } from './target.ts'
import { properties } from './targets/all.ts'

const corpus = packagePath('test/fuzz/corpus')

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, clang: { type: 'string', default: 'clang' } },
  allowPositionals: true,
})
const targets = [...backendTargets(values.clang, corpus), ...properties]
const unknown = positionals.filter((name) => !targets.some((target) => target.name === name))
if (!/^[1-9][0-9]*$/.test(values.seconds) || unknown.length > 0) {
  process.stderr.write(`usage: fuzz [--seconds N] [NAME…]\nnames: ${targets.map(({ name }) => name).join(' ')}\n`)
  process.exit(2)
}

const chosen = targets.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
for (const target of chosen) {
  const { runs, findings } = await target.run((Number(values.seconds) * 1000) / chosen.length)
  process.stdout.write(`${target.name}: ${runs} runs, ${findings.length} findings\n`)
  for (const finding of findings) {
    process.stdout.write(`${keepFinding(corpus, target.name, finding)}:\n${finding.report}\n`)
    process.exitCode = 1
  }
}
