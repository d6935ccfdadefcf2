// The parsers in C are held to the same corpus as those in TypeScript. They run as SQL functions of a test-only module.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import test from 'ava'
import { packagePath } from '../../src/adapters/package-root.ts'
import { type Cluster, type Session, startCluster } from '../helpers/cluster.ts'
import { makePrivateInstallation } from '../helpers/private-installation.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'
import { loadTestModule } from './helpers/test-module.ts'

type NameCase = { kind: string; text: string; valid: boolean; short?: string; note?: string }
/** The line is `line`, or `hex`; `@` in it stands for `fill` times the `filler`. */
type AnswerCase = {
  request: string
  line?: string
  hex?: string
  fill?: number
  filler?: string
  valid: boolean
  answer?: string
  note?: string
}

const directory = makeTemporaryDirectory()
let cluster: Cluster
let session: Session

test.before(async () => {
  const installation = await makePrivateInstallation(directory.make('postgresql'))
  cluster = await startCluster(directory, installation)
  session = await cluster.connect()
  await loadTestModule(session, installation, directory.path)
})

test.after.always(async () => {
  await cluster?.stop()
  directory.remove()
})

test.serial('names', async (t) => {
  const cases = readCorpus<NameCase[]>('names.json')
  for (const { kind, text, valid, short } of cases) {
    const [row] = await rows('SELECT test_name_fault($1, $2) AS fault', [kind, Buffer.from(text)])
    t.is(row?.fault === null, valid, `${kind} "${text}": ${row?.fault}`)
    if (short !== undefined) {
      t.deepEqual(await rows('SELECT test_short_name_of($1) AS short', [text]), [{ short }])
    }
  }
})

test.serial('whoever writes a scheme is told to leave it out', async (t) => {
  const [row] = await rows('SELECT test_name_fault($1, $2) AS fault', ['full_name', Buffer.from('https://a.b/x')])
  t.regex(String(row?.fault), /scheme: leave it out/)
})

test.serial('patterns of pginstall.prefer', async (t) => {
  const fault = async (text: string) =>
    (await rows('SELECT test_name_fault($1, $2) AS fault', ['pattern', Buffer.from(text)]))[0]?.fault
  for (const text of ['github.com/dim/prefix', 'github.com/*/prefix', 'github.com/**', '*/x', '**']) {
    t.is(await fault(text), null, text)
  }
  for (const text of [
    '',
    '/',
    'a//b',
    'a/**/b',
    'a/b*',
    'a/***',
    'a b',
    'a/',
    'rubbish',
    'github/**',
    'a/\u0000',
    'é/x',
  ]) {
    t.is(typeof (await fault(text)), 'string', text)
  }
})

test.serial('answers', async (t) => {
  for (const answer of readCorpus<AnswerCase[]>('answers.json')) {
    const bytes = bytesOf(answer)
    const about = `${answer.note ?? ''} ${bytes.toString().slice(0, 200)}`
    const outcome = await rows('SELECT test_parse_answer($1, $2) AS kind', [answer.request, bytes]).then(
      ([row]) => row?.kind,
      ({ code, detail }) => ({ code, detail: typeof detail }),
    )
    t.deepEqual(outcome, answer.valid ? answer.answer : { code: '58000', detail: 'string' }, about)
  }
})

test.serial('the schema takes the good answers', (t) => {
  const schema = JSON.parse(readFileSync(packagePath('protocol/socket.schema.json'), 'utf8'))
  const ajv = new Ajv({ allowUnionTypes: true }).addSchema(schema, 'socket')
  for (const answer of readCorpus<AnswerCase[]>('answers.json').filter(({ valid }) => valid)) {
    const message = JSON.parse(bytesOf(answer).toString())
    const kind = 'result' in message ? `${answer.request}_result` : Object.keys(message)[0]
    const check = ajv.getSchema(`socket#/definitions/${kind}`)
    t.true(check?.(message), JSON.stringify(check?.errors))
  }
})

/** What the fuzzers of the parsers in C have found is kept as they had it: test/fuzz/backend/parsers.c says how. */
const kinds: Record<string, { sql: string; kinds: string[] }> = {
  names: {
    sql: 'SELECT test_name_fault($1, $2)',
    kinds: ['full_name', 'short_name', 'version', 'module', 'pattern'],
  },
  answers: { sql: 'SELECT test_parse_answer($1, $2)', kinds: ['create_extension', 'search', 'status'] },
}

for (const target of ['names', 'answers', 'statements']) {
  test.serial(`what the fuzzer of ${target} once found harms no server`, async (t) => {
    const folder = packagePath(`test/fuzz/corpus/${target}-c`)
    for (const file of readdirSync(folder)) {
      const found = readFileSync(join(folder, file))
      const parser = kinds[target]
      const run = parser
        ? rows(parser.sql, [parser.kinds[(found[0] ?? 0) % parser.kinds.length], found.subarray(1)])
        : rows(`SELECT test_whole_name($1)`, [found.toString()])
      // An error is an answer, too.
      await run.catch(() => undefined)
      t.deepEqual(await rows('SELECT 1 AS alive', []), [{ alive: 1 }], file)
    }
  })
}

function readCorpus<Cases>(file: string): Cases {
  return JSON.parse(readFileSync(packagePath(`protocol/corpus/${file}`), 'utf8'))
}

function bytesOf({ line, hex, fill, filler = 'x' }: AnswerCase): Buffer {
  if (hex !== undefined) return Buffer.from(hex, 'hex')
  const text = line ?? ''
  return Buffer.from(fill === undefined ? text : text.replace('@', filler.repeat(fill)))
}

async function rows(sql: string, values: unknown[]): Promise<Record<string, unknown>[]> {
  return (await session.client.query(sql, values)).rows
}
