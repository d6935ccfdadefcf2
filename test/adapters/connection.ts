import test from 'ava'
import { resolveConnection } from '../../src/adapters/connection.ts'
import { PginstallError } from '../../src/model/errors.ts'

const environment = { PGHOST: 'db.example', PGPORT: '5433', PGUSER: 'ann', PGDATABASE: 'shop', PGPASSWORD: 'secret' }

test('options win over the environment, and that over the defaults', (t) => {
  const options = { host: '/sockets', port: '6000', username: 'bob', database: 'store' }
  t.deepEqual(resolveConnection(options, environment, 'os'), {
    host: '/sockets',
    port: 6000,
    user: 'bob',
    database: 'store',
    password: 'secret',
  })
  t.deepEqual(resolveConnection({}, environment, 'os'), {
    host: 'db.example',
    port: 5433,
    user: 'ann',
    database: 'shop',
    password: 'secret',
  })
})

test('without either: a local socket, the OS user, and the database called like the user', (t) => {
  const { host, ...others } = resolveConnection({}, {}, 'os')
  t.true(['/var/run/postgresql', '/tmp'].includes(host))
  t.deepEqual(others, { port: 5432, user: 'os', database: 'os' })
  t.is(resolveConnection({ username: 'bob' }, {}, 'os').database, 'bob')
  // As libpq has it: set to nothing is not set.
  t.is(resolveConnection({}, { PGUSER: '', PGPORT: '', PGPASSWORD: '' }, 'os').user, 'os')
})

for (const port of ['0', '65536', '-1', '5432x', '1e3']) {
  test(`"${port}" is no port`, (t) => {
    const error = t.throws(() => resolveConnection({ port }, {}, 'os'), { instanceOf: PginstallError })
    t.is(error?.sqlstate, '22023')
    t.regex(error?.hint ?? '', /PGPORT/)
  })
}
