// Our own schemas are taken as sound wherever programs start; that they are is said here.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import test from 'ava'
import { packagePath } from '../../src/adapters/package-root.ts'
import { compileParsers, schemaParser } from '../../src/model/schema.ts'

test('every schema in protocol/ is a JSON schema', (t) => {
  const files = readdirSync(packagePath('protocol')).filter((file) => file.endsWith('.schema.json'))
  t.true(files.length >= 3)
  const ajv = new Ajv({ strict: true, allowUnionTypes: true })
  for (const file of files) {
    const schema = JSON.parse(readFileSync(join(packagePath('protocol'), file), 'utf8'))
    t.true(ajv.validateSchema(schema), `${file}: ${ajv.errorsText()}`)
  }
})

test('parsers are compiled when wanted, or all at once', (t) => {
  const number = schemaParser<number>({ $id: 'test:number', type: 'number' } as { $id: string }, 'number')
  t.is(number(1), 1)
  t.throws(() => number('1'), { message: 'malformed number' })
  // Strict mode refuses the keyword when it compiles.
  schemaParser({ $id: 'test:odd', typo: 1 } as { $id: string }, 'odd')
  t.throws(compileParsers, { message: /typo/ })
})
