// A repository may say that its index need not be asked for: then it is not, unless something is missing or the newest is wanted.
import test from 'ava'
import { topIndexPath } from '../../src/model/index.ts'
import { setScene } from '../helpers/scene.ts'
import { writeSourceTree } from '../helpers/source-trees.ts'
import { type Stage, setStage } from '../helpers/stage.ts'

let stage: Stage
const archives = new Map<string, string>()

test.before(async () => {
  stage = await setStage()
  for (const version of ['1.0', '1.1']) {
    for (const name of ['kept', 'other']) {
      const sql = `CREATE FUNCTION ${name}_one() RETURNS int LANGUAGE sql AS $$SELECT 1$$;`
      const tree = writeSourceTree(stage.directory.make(version), { name, version, sql })
      archives.set(`${name} ${version}`, stage.publish(tree, [`git.example/${name}`]).at(-1) as string)
    }
  }
})

test.after.always(() => stage?.close())

test.serial('an index that is fresh is not asked for, until what is wanted is not in it', async (t) => {
  const { repository, session } = await setScene(t, stage)
  const asked = () => repository.requests.filter((path) => path === topIndexPath).length
  // Each in a transaction of its own: what one drops and creates again keeps its version.
  const create = async (...statements: string[]) => {
    for (const sql of statements) await session.query(sql)
    const rows = await session.query('SELECT extversion FROM pg_extension ORDER BY oid DESC LIMIT 1')
    return rows[0]?.extversion
  }
  repository.headers['cache-control'] = 'max-age=3600'
  await repository.add(archives.get('kept 1.0') as string)
  repository.publish()
  t.is(await create('CREATE EXTENSION kept'), '1.0')
  const first = asked()

  await repository.add(archives.get('kept 1.1') as string)
  await repository.add(archives.get('other 1.0') as string)
  repository.publish()
  t.is(await create('DROP EXTENSION kept', 'CREATE EXTENSION kept'), '1.0')
  t.is(asked(), first)
  t.is(await create('CREATE EXTENSION other'), '1.0')
  t.is(asked(), first + 1)
  t.is(await create('DROP EXTENSION kept', 'CREATE EXTENSION kept'), '1.1')
  t.is(asked(), first + 1)

  await repository.add(archives.get('other 1.1') as string)
  repository.publish()
  t.is(await create('DROP EXTENSION other', `CREATE EXTENSION other VERSION '1.1'`), '1.1')
  t.is(asked(), first + 2)
})

test.serial(
  'an update always asks, and so does everything where nothing, or no time that is left, is said',
  async (t) => {
    const { repository, session } = await setScene(t, stage)
    const asked = () => repository.requests.filter((path) => path === topIndexPath).length
    repository.headers['cache-control'] = 'max-age=3600'
    await repository.add(archives.get('kept 1.0') as string)
    repository.publish()
    await session.query('CREATE EXTENSION kept')
    for (const header of ['max-age=60', 'max-age=0, must-revalidate', 'no-cache']) {
      repository.headers['cache-control'] = header
      repository.headers.age = '60'
      repository.publish()
      const before = asked()
      await session.query('ALTER EXTENSION kept UPDATE')
      t.is(asked(), before + 1)
      await session.query('DROP EXTENSION kept')
      await session.query('CREATE EXTENSION kept')
      t.is(asked(), before + 2, header)
    }
  },
)
