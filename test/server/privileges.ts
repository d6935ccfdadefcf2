// A server that is started as root reads all of its program before it becomes somebody who may not be able to.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { startPginstall, writeSettings } from '../helpers/command.ts'
import { isRoot, repositoryUser } from '../helpers/os-users.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'
import { makeArchive } from './helpers/archives.ts'
import { request } from './helpers/request.ts'

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
  t.teardown(() => directory.remove())
  const etc = directory.make('etc')
  const data = join(directory.path, 'data')
  writeSettings(etc, 'pginstall', { repository_user: repositoryUser, server_directory: data, listen_port: '0' })
  const hook = join(directory.path, 'watch.mjs')
  writeFileSync(hook, watcher)
  process.env.NODE_OPTIONS = `--import=${hook}`
  const ready = 'pginstall server: listening on'
  const server = await startPginstall(etc, ['server', 'start', '--foreground'], {
    ready,
    logFile: join(directory.path, 'log'),
  })
  const uri = /listening on (\S+)/.exec(server.log())?.[1] as string
  const authorization = `Bearer ${readFileSync(join(data, 'admin-token'), 'utf8').trim()}`
  for (const wanted of [{ fullName: 'x.example/y/sql' }, { fullName: 'x.example/y/mod', major: 15 }]) {
    const { file, bytes } = makeArchive(wanted)
    t.is(
      (await request(uri, `/archives/${file}`, { method: 'PUT', headers: { authorization }, body: bytes })).status,
      201,
    )
  }
  const paths = [
    '/list/extensions/',
    '/list/sql/versions',
    '/get/sql/1.0',
    '/get/no/1.0',
    '/%ff',
    '/nothing',
    '/openapi.json',
  ]
  const answers = await Promise.all(paths.map((path) => request(uri, path)))
  t.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 302, 404, 400, 404, 200],
  )
  t.is(await server.stop(), 0)
  t.false(server.log().includes('loaded late'), server.log())
})
