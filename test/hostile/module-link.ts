// One link to a module serves all databases of a cluster, and a rollback does not take it back. So only who may install
// the extension moves it, to a version that policy lets in; everybody else leaves it where it is.
import { readlinkSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { writeSettings } from '../helpers/command.ts'
import { answeringModule, writeSourceTree } from '../helpers/source-trees.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

const fullName = 'git.example/link/linked'
let stage: Stage

test.before(async () => {
  stage = await setStage()
})
test.after.always(() => stage?.close())

/** Its function answers the number of the version. */
function publish(version: number): void {
  const tree = writeSourceTree(stage.directory.make('sources'), {
    name: 'linked',
    version: `${version}.0`,
    sql: `CREATE FUNCTION linked() RETURNS int4 LANGUAGE c AS '$libdir/linked', 'linked';`,
    module: answeringModule('linked', version),
  })
  stage.publish(tree, [fullName])
}

function linkedVersion(): string | undefined {
  const link = join(stage.state, 'main', 'lib', `linked--${fullName.replaceAll('/', '+')}.so`)
  return readlinkSync(link).split('/').at(-4)
}

async function connectTo(database: string, user = 'postgres') {
  return stage.cluster.connect({ database, user })
}

test.serial('who may not install the extension cannot move its module', async (t) => {
  for (const role of ['nobody_in_particular', 'granted', 'trusted']) {
    stage.cluster.psql(`CREATE ROLE ${role} LOGIN`)
    stage.cluster.psql(`CREATE DATABASE of_${role} OWNER ${role}`)
  }
  const extensions = 'git.example/link/*'
  writeSettings(stage.configDirectory, 'grants/granted', { role: 'granted', extensions })
  writeSettings(stage.configDirectory, 'grants/trusted', { role: 'trusted', extensions, trusted: 'yes' })
  publish(1)
  const { query } = await connectTo('postgres')
  await query('CREATE EXTENSION linked')
  publish(2)
  for (const [role, message] of [
    ['nobody_in_particular', /permission denied to install extension/],
    ['granted', /permission denied to create extension/],
  ] as const) {
    const { errorOf } = await connectTo(`of_${role}`, role)
    for (const sql of ['CREATE EXTENSION linked', `CREATE EXTENSION "${fullName}" VERSION '2.0'`]) {
      const error = await errorOf(sql)
      t.is(error?.code, '42501', error?.message)
      t.regex(error?.message ?? '', message)
    }
    const module = `linked--${fullName.replaceAll('/', '+')}`
    for (const sql of [
      `LOAD '${module}'`,
      `CREATE FUNCTION f() RETURNS int4 LANGUAGE c AS '${module}', 'linked'`,
      'ALTER EXTENSION linked UPDATE',
    ]) {
      t.regex((await errorOf(sql))?.code ?? '', /^(42501|42704)$/, sql)
    }
    t.is(linkedVersion(), '1.0')
  }
})

test.serial(
  'who may install it as trusted moves it, also by a transaction that is rolled back: all go on',
  async (t) => {
    const { query } = await connectTo('of_trusted', 'trusted')
    await query('BEGIN; CREATE EXTENSION linked; ROLLBACK')
    t.is(linkedVersion(), '2.0')
    t.deepEqual(await (await connectTo('postgres')).query('SELECT linked()'), [{ linked: 2 }])
    await query(`CREATE EXTENSION linked VERSION '1.0'`)
    t.is(linkedVersion(), '2.0')
  },
)
