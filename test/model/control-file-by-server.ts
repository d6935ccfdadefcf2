// Our parser of control files against PostgreSQL's own: every text here is given to both, and they have to agree on what
// it says, or that it says nothing.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { type ControlFile, parseControlFile } from '../../src/model/control-file.ts'
import { isServerEncoding } from '../../src/model/server-encoding.ts'
import { type Cluster, type Session, startCluster } from '../helpers/cluster.ts'
import { makePrivateInstallation } from '../helpers/private-installation.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const directory = makeTemporaryDirectory('control')
let home: string
let cluster: Cluster
let session: Session

test.before(async () => {
  const installation = await makePrivateInstallation(directory.make('installation'))
  home = join(installation.sharedir, 'extension')
  writeFileSync(join(home, 'specimen--1.0.sql'), '')
  cluster = await startCluster(directory, installation)
  session = await cluster.connect()
})
test.after.always(async () => {
  await cluster?.stop()
  directory.remove()
})

type Facts = Record<string, unknown>

/** What both can say of a control file. The server lists a version where there is a script of it. */
function ourFacts(control: ControlFile): Facts {
  const { superuser, trusted, relocatable, schema, requires, comment, defaultVersion } = control
  return {
    superuser,
    trusted,
    relocatable,
    schema: schema ?? null,
    requires: requires.length === 0 ? null : requires,
    comment: comment ?? null,
    default_version: defaultVersion ?? null,
  }
}

function ourVerdict(texts: { main: string; auxiliary?: string }): Facts | 'refused' {
  try {
    const main = parseControlFile(texts.main, { file: 'specimen.control', auxiliary: false })
    if (texts.auxiliary === undefined) return ourFacts(main)
    const both = parseControlFile(texts.auxiliary, { file: 'specimen--1.0.control', auxiliary: true, main })
    return ourFacts(both)
  } catch {
    return 'refused'
  }
}

async function serverVerdict(texts: { main: string; auxiliary?: string }): Promise<Facts | 'refused'> {
  const auxiliaryFile = join(home, 'specimen--1.0.control')
  rmSync(auxiliaryFile, { force: true })
  writeFileSync(join(home, 'specimen.control'), texts.main)
  if (texts.auxiliary !== undefined) writeFileSync(auxiliaryFile, texts.auxiliary)
  const query = `SELECT v.superuser, v.trusted, v.relocatable, v.schema, v.requires::text[], v.comment, a.default_version
    FROM pg_available_extension_versions v JOIN pg_available_extensions a USING (name) WHERE name = 'specimen'`
  if ((await session.errorOf(query)) !== undefined) return 'refused'
  const [row] = await session.query(query)
  return row ?? 'refused'
}

const values = [
  ...["'x'", "'it''s'", "'it\\'s'", "'a\\nb'", "'\\101\\303\\251'", "'a # b'", "''", 'word', 'a-b.c:/d', 'süß', 'a.b'],
  ...[
    '5',
    '-5',
    '8MB',
    '0x1F',
    '0xZ',
    '1.5e3',
    '.5',
    '.',
    '1.',
    '5x5',
    '+',
    '%',
    '"x"',
    "'x",
    "'x\\'",
    "x'y'",
    "'x' 'y'",
  ],
  ...[
    "'\\377'.",
    "'\\8'",
    "'\\q'",
    "'\\'''",
    "'''",
    "''''",
    'x\ty',
    '\fx',
    '#',
    '= x',
    "'a\\\\'",
    'x#y',
    'x # y',
    'x;',
  ],
]
const booleans = [
  't',
  'TRUE',
  'tru',
  'on',
  'o',
  'of',
  'off',
  'onn',
  'y',
  'no',
  'n',
  '1',
  '0',
  '01',
  '2',
  "''",
  "' t'",
  "'T'",
]
const lists = [
  'hstore',
  "'a, b'",
  '\'A,"B c"\'',
  "'a b'",
  "','",
  "'a,'",
  "''",
  "' '",
  '\'"a""b"\'',
  "'\"a'",
  '\'"a"b\'',
  "'a\"b'",
  "'Ä'",
  "'uuid-ossp'",
  `'${'x'.repeat(70)}'`,
  `'"${'x'.repeat(62)}é"'`,
]
const encodings = [
  'UTF8',
  'utf-8',
  "'Latin 1'",
  'sjis',
  'BIG5',
  'nonsense',
  "''",
  'win1252',
  'EUC_JIS_2004',
  'GB18030',
  'johab',
  'SQL_ASCII',
  'unicode',
  'koi8',
]

const texts: { main: string; auxiliary?: string }[] = [
  ...values.map((value) => ({ main: `comment = ${value}\n` })),
  ...values.map((value) => ({ main: `comment ${value}\nsuperuser = off` })),
  ...['superuser', 'trusted', 'relocatable'].flatMap((name) =>
    booleans.map((value) => ({ main: `${name} = ${value}` })),
  ),
  ...lists.map((value) => ({ main: `requires = ${value}` })),
  ...encodings.map((value) => ({ main: `encoding = ${value}` })),
  ...[
    "comment = 'a'\ncomment = 'b'",
    "COMMENT = 'a'",
    "my.comment = 'a'",
    'constructor = 1',
    'comment',
    'comment =',
    '= x',
    "'comment' = 'x'",
  ].map((main) => ({ main })),
  ...[
    '',
    '\n\n',
    '# nothing',
    'default_version = 1.0',
    "default_version = '1.0'\r\n",
    "schema = 's'",
    "schema = 's'\nrelocatable = true",
    '\ufeffcomment = a',
    'directory extension',
  ].map((main) => ({ main })),
  ...[
    "comment = 'auxiliary'",
    'trusted = true',
    'superuser = false',
    "schema = 's'",
    "directory = 'x'",
    "default_version = '2'",
    'requires = b',
    'nonsense',
    'relocatable = false',
    'schema = s\nrelocatable = false',
  ].map((auxiliary) => ({
    main: "comment = 'main'\nrelocatable = true\nrequires = 'a'\n",
    auxiliary,
  })),
]

test.serial('PostgreSQL and we read the same in every control file', async (t) => {
  t.plan(texts.length + 2)
  let refusals = 0
  for (const specimen of texts) {
    const ours = ourVerdict(specimen)
    if (ours === 'refused') refusals++
    t.deepEqual(ours, await serverVerdict(specimen), JSON.stringify(specimen))
  }
  t.true(refusals > 20)
  t.true(texts.length - refusals > 60)
})

test.serial('PostgreSQL honours an include in a control file, which is why we refuse it', async (t) => {
  writeFileSync(join(home, 'elsewhere'), "comment = 'from elsewhere'\n")
  const specimen = { main: "include 'elsewhere'\n" }
  t.is(((await serverVerdict(specimen)) as Facts).comment, 'from elsewhere')
  t.is(ourVerdict(specimen), 'refused')
})

test.serial('PostgreSQL ends a value at an escaped NUL, which is why we refuse it', async (t) => {
  const specimen = { main: "comment = 'seen\\0hidden'\n" }
  t.is(((await serverVerdict(specimen)) as Facts).comment, 'seen')
  t.is(ourVerdict(specimen), 'refused')
})

test.serial('PostgreSQL takes the encodings for servers that we take', async (t) => {
  const rows = await session.query(
    'SELECT pg_encoding_to_char(i) AS name FROM generate_series(0, 60) i WHERE pg_encoding_to_char(i) <> $$$$',
  )
  t.true(rows.length > 40)
  for (const { name } of rows) {
    const error = await session.errorOf(`CREATE DATABASE x TEMPLATE template0 ENCODING '${name}' LOCALE 'C'`)
    if (error === undefined) await session.query('DROP DATABASE x')
    t.is(isServerEncoding(String(name)), error === undefined, `${name}: ${error?.message}`)
  }
})
