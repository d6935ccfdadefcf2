import { join } from 'node:path'
import test from 'ava'
import { Database } from '../../src/adapters/database.ts'
import { readPgConfig } from '../../src/adapters/pg-config.ts'
import { openPrivateCluster, type PrivateCluster } from '../../src/adapters/private-cluster.ts'
import { PginstallError } from '../../src/model/errors.ts'
import { type Migration, migrate, migrations } from '../../src/repository/migrate.ts'
import { serviceUser, spawnAs } from '../helpers/os-users.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const directory = makeTemporaryDirectory('migrate')
const { signal } = new AbortController()
let cluster: PrivateCluster

test.before(async () => {
  const { bindir } = await readPgConfig('pg_config', signal)
  const owner = spawnAs(serviceUser)
  const place = join(directory.make('data', serviceUser), 'postgresql')
  cluster = await openPrivateCluster({
    directory: place,
    bindir,
    signal,
    ...('uid' in owner ? { owner: owner as Required<typeof owner> } : {}),
  })
})

test.after.always(async () => {
  await cluster?.close()
  directory.remove()
})

async function freshDatabase(name: string): Promise<Database> {
  const first = new Database(cluster.address, () => {})
  await first.query(`CREATE DATABASE ${name}`)
  await first.close()
  return new Database({ ...cluster.address, database: name }, () => {})
}

function addTable(number: number, text = `CREATE TABLE repository.t${number} ()`): Migration {
  return { number, name: `${number}-test`, sha256: String(number), text }
}

async function appliedIn(database: Database): Promise<number[]> {
  const rows = await database.query<{ number: number }>('SELECT number FROM repository.migrations ORDER BY number')
  return rows.map(({ number }) => number)
}

test('our migrations are numbered from 1, without a gap', (t) => {
  t.deepEqual(
    migrations.map(({ number }) => number),
    migrations.map((_, i) => i + 1),
  )
})

test('each is applied once, whoever starts first', async (t) => {
  const database = await freshDatabase('once')
  await Promise.all([1, 2, 3].map(() => migrate(database)))
  await migrate(database, [...migrations, addTable(migrations.length + 1)])
  t.deepEqual(await appliedIn(database), [...migrations.map(({ number }) => number), migrations.length + 1])
  await database.close()
})

test('one that fails leaves nothing behind, of itself and of those before it', async (t) => {
  const database = await freshDatabase('failing')
  await migrate(database, [addTable(1)])
  await t.throwsAsync(migrate(database, [addTable(1), addTable(2), addTable(3, 'SELECT 1/0')]), {
    instanceOf: PginstallError,
  })
  t.deepEqual(await appliedIn(database), [1])
  const [found] = await database.query<{ t2: string | null }>(`SELECT to_regclass('repository.t2')::text AS t2`)
  t.is(found?.t2, null)
  await database.close()
})

test('a database that other migrations have made is refused', async (t) => {
  const database = await freshDatabase('strange')
  await migrate(database, [addTable(1), addTable(2)])
  const changed = await t.throwsAsync(migrate(database, [addTable(1), { ...addTable(2), sha256: 'other' }]), {
    instanceOf: PginstallError,
  })
  t.regex(changed.message, /made by another migration "2-test"/)
  const newer = await t.throwsAsync(migrate(database, [addTable(1)]), { instanceOf: PginstallError })
  t.regex(newer.message, /newer than this program/)
  await database.close()
})
