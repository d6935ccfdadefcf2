// Two providers of one short name in two databases of a cluster: both work side by side, each goes its own way.
import test from 'ava'
import type { Session } from '../helpers/cluster.ts'
import { answeringModule, writeSourceTree } from '../helpers/source-trees.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

let stage: Stage
let north: Session
let south: Session

const providers = ['north', 'south'] as const
type Provider = (typeof providers)[number]
const fullName = (provider: Provider) => `git.example/${provider}/carrier`

/** Both call their function, their module and their next version the same; what it answers is not. */
function publish(provider: Provider, version: '1.0' | '1.1', answer: number): void {
  const first = `CREATE FUNCTION carry() RETURNS int4 LANGUAGE c AS '$libdir/carrier', 'carrier';`
  const second = `CREATE FUNCTION carry_more() RETURNS int4 LANGUAGE c AS 'MODULE_PATHNAME', 'carrier_${provider}';`
  const more = `PG_FUNCTION_INFO_V1(carrier_${provider});
Datum carrier_${provider}(PG_FUNCTION_ARGS) { return DirectFunctionCall1(carrier, (Datum) 0) + 1000; }
`
  const source = writeSourceTree(stage.directory.make(provider), {
    name: 'carrier',
    version,
    control: "module_pathname = '$libdir/carrier'",
    sql: version === '1.0' ? first : first + second,
    module: answeringModule('carrier', answer) + (version === '1.0' ? '' : more),
    files: version === '1.0' ? {} : { 'carrier--1.0--1.1.sql': second },
  })
  stage.publish(source, [fullName(provider)])
}

test.before(async () => {
  stage = await setStage()
  publish('north', '1.0', 1)
  publish('south', '1.0', 2)
  for (const provider of providers) stage.cluster.psql(`CREATE DATABASE ${provider}`)
  north = await stage.cluster.connect({ database: 'north' })
  south = await stage.cluster.connect({ database: 'south' })
})

test.after.always(() => stage?.close())

test.serial('both are created at the same time, and each answers for itself', async (t) => {
  await Promise.all([
    north.query(`CREATE EXTENSION "${fullName('north')}"`),
    south.query(`CREATE EXTENSION "${fullName('south')}"`),
  ])
  for (let round = 0; round < 3; round++) {
    t.deepEqual(await Promise.all([north, south].map(({ query }) => query('SELECT carry()'))), [
      [{ carry: 1 }],
      [{ carry: 2 }],
    ])
  }
})

test.serial('what requires one of them is created beside that one only', async (t) => {
  const source = writeSourceTree(stage.directory.path, { name: 'rider', control: "requires = 'carrier'", sql: '' })
  stage.publish(source, ['git.example/north/rider'], '--requires', `carrier=${fullName('north')}`)
  for (const cascade of ['', ' CASCADE']) {
    const error = await south.errorOf(`CREATE EXTENSION rider${cascade}`)
    t.is(error?.code, '42710')
    t.is(error?.message, 'extension "git.example/north/rider" requires "carrier" from another provider')
    t.is(
      error?.detail,
      'It was built for "git.example/north/carrier"; this database has, or would have, "git.example/south/carrier".',
    )
  }
  await north.query('CREATE EXTENSION rider')
  stage.cluster.psql('CREATE DATABASE third')
  const third = await stage.cluster.connect({ database: 'third' })
  await third.query('CREATE EXTENSION rider CASCADE')
  t.deepEqual(await third.query(`SELECT full_name FROM pginstall.installed WHERE name = 'carrier'`), [
    { full_name: fullName('north') },
  ])
  t.deepEqual(await third.query('SELECT carry()'), [{ carry: 1 }])
})

test.serial('each is updated to its own provider’s next version, while the other stays', async (t) => {
  publish('north', '1.1', 11)
  const fresh = (database: Provider) => stage.cluster.connect({ database })
  await (await fresh('north')).query('ALTER EXTENSION carrier UPDATE')
  await (await fresh('south')).query('ALTER EXTENSION carrier UPDATE')
  const versions = `SELECT full_name, version FROM pginstall.installed WHERE name = 'carrier'`
  t.deepEqual(await north.query(versions), [{ full_name: fullName('north'), version: '1.1' }])
  t.deepEqual(await south.query(versions), [{ full_name: fullName('south'), version: '1.0' }])

  publish('south', '1.1', 22)
  await (await fresh('south')).query('ALTER EXTENSION carrier UPDATE')
  t.deepEqual(await south.query(versions), [{ full_name: fullName('south'), version: '1.1' }])
  for (const [provider, carry] of [
    ['north', 11],
    ['south', 22],
  ] as const) {
    const session = await fresh(provider)
    t.deepEqual(await session.query('SELECT carry(), carry_more()'), [{ carry, carry_more: carry + 1000 }])
  }
  t.deepEqual(await Promise.all([north, south].map(({ query }) => query('SELECT carry()'))), [
    [{ carry: 1 }],
    [{ carry: 2 }],
  ])
})
