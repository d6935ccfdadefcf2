// Nobody is left alone with an error: each SQLSTATE of ours has its cause and cure written down.
import { readFileSync } from 'node:fs'
import test from 'ava'
import sqlstates from '../../../protocol/sqlstates.json' with { type: 'json' }
import { packagePath } from '../../../src/adapters/package-root.ts'

test('docs/troubleshooting.md has every SQLSTATE that is raised', (t) => {
  const page = readFileSync(packagePath('docs/troubleshooting.md'), 'utf8')
  for (const [condition, { sqlstate }] of Object.entries(sqlstates))
    t.regex(page, new RegExp(`\\b${sqlstate}\\b`), condition)
})
