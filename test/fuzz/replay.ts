// What the fuzzers once found in the product, which it does not do again.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { packagePath } from '../../src/adapters/package-root.ts'
import { properties } from './targets/all.ts'

const corpus = packagePath('test/fuzz/corpus')

for (const { name, replay } of properties) {
  const folder = join(corpus, name)
  for (const file of existsSync(folder) ? readdirSync(folder) : []) {
    test(`${name}: ${file}`, async (t) => {
      await t.notThrowsAsync(replay(readFileSync(join(folder, file), 'utf8')))
    })
  }
}
