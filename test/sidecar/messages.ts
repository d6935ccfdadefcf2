import test from 'ava'
import corpus from '../../protocol/corpus/requests.json' with { type: 'json' }
import { PginstallError } from '../../src/model/errors.ts'
import { parseRequest } from '../../src/sidecar/messages.ts'

for (const [number, { line, valid }] of corpus.entries()) {
  test(`request ${number} of the corpus is ${valid ? 'good' : 'bad'}`, (t) => {
    if (valid) t.is(typeof parseRequest(line).request, 'string')
    else t.true(t.throws(() => parseRequest(line), { instanceOf: PginstallError })?.is('syntax_error'))
  })
}
