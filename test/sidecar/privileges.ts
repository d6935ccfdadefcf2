// A sidecar that is started as root reads all of its program before it becomes somebody who may not be able to.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { isRoot } from '../helpers/os-users.ts'
import { writeSourceTree } from '../helpers/source-trees.ts'
import { setStage } from '../helpers/stage.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

/** Says so for each module that is loaded without root's rights. */
const watcher = `
import { registerHooks } from 'node:module'
registerHooks({
  load(url, context, next) {
    if (url.startsWith('file:') && process.geteuid() !== 0) process.stderr.write('loaded late: ' + url + '\\n')
    return next(url, context)
  },
})
`

const onlyRoot = isRoot ? test : test.skip

onlyRoot('loads no module after it has given up root', async (t) => {
  const directory = makeTemporaryDirectory('privileges')
  const hook = join(directory.path, 'watch.mjs')
  writeFileSync(hook, watcher)
  process.env.NODE_OPTIONS = `--import=${hook}`
  const stage = await setStage(directory)
  t.teardown(() => stage.close())
  const sql = 'CREATE FUNCTION late() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;'
  stage.publish(writeSourceTree(directory.path, { name: 'late', sql }), ['git.example/x/late'])
  const { query, errorOf } = await stage.cluster.connect()
  await query('CREATE EXTENSION late; SELECT * FROM pginstall.status()')
  t.deepEqual(await query(`SELECT full_name FROM pginstall.search('late')`), [{ full_name: 'git.example/x/late' }])
  t.is((await errorOf('CREATE EXTENSION nosuch'))?.code, '42704')
  t.notRegex(stage.sidecar.log(), /loaded late/)
})
