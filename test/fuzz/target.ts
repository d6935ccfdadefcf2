// What a fuzzer is made of: cases, and a check that throws when the product breaks a promise on one.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { PginstallError } from '../../src/model/errors.ts'

export type Finding = { content: string | Buffer; extension: string; report: string }
export type Outcome = { runs: number; findings: Finding[] }

export type Target = {
  name: string
  run(limitMs: number): Promise<Outcome>
}

/** A target whose cases are JSON, so that what is found can be kept and replayed. */
export type Property = Target & { replay(json: string): Promise<void> }

export function property<Case>(
  name: string,
  cases: fc.Arbitrary<Case>,
  check: (specimen: Case) => void | Promise<void>,
): Property {
  return {
    name,
    async run(limitMs) {
      const details = await fc.check(
        fc.asyncProperty(cases, async (specimen) => {
          await check(specimen)
        }),
        { numRuns: 2 ** 31 - 1, interruptAfterTimeLimit: limitMs },
      )
      if (!details.failed || details.counterexample === null) return { runs: details.numRuns, findings: [] }
      const [specimen] = details.counterexample
      const report = String((details.errorInstance as Error | null)?.stack ?? details.errorInstance)
      const finding = { content: JSON.stringify(specimen, null, 2) + '\n', extension: '.json', report }
      return { runs: details.numRuns, findings: [finding] }
    },
    async replay(json) {
      await check(JSON.parse(json))
    },
  }
}

/** Keeps a finding below `directory`, named by its content; its file. */
export function keepFinding(directory: string, target: string, { content, extension }: Finding): string {
  const digest = createHash('sha256').update(content).digest('hex').slice(0, 16)
  const folder = join(directory, target)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, digest + extension)
  writeFileSync(file, content)
  return file
}

/** What `parse` says; undefined when it refuses with an error of ours. Anything else it throws is a finding. */
export function taken<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch (thrown) {
    if (thrown instanceof PginstallError) return undefined
    throw thrown
  }
}
