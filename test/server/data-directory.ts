import { chownSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { PginstallError } from '../../src/model/errors.ts'
import { prepareDirectories } from '../../src/server/data-directory.ts'
import { isRoot, repositoryUser } from '../helpers/os-users.ts'
import { makeTemporaryDirectory } from '../helpers/temporary-directory.ts'

const onlyRoot = isRoot ? test : test.skip

onlyRoot('root gives away the directory, and never what a link leads to', async (t) => {
  const directory = makeTemporaryDirectory('data-directory')
  t.teardown(() => directory.remove())
  const precious = directory.make('precious')
  chownSync(precious, 0, 0)
  const link = join(directory.path, 'link')
  symlinkSync(precious, link)
  await t.throwsAsync(prepareDirectories({ dataDirectory: link, user: repositoryUser }), {
    instanceOf: PginstallError,
    message: /could not open directory/,
  })
  t.is(statSync(precious).uid, 0)
  const file = join(directory.path, 'file')
  writeFileSync(file, '')
  await t.throwsAsync(prepareDirectories({ dataDirectory: join(file, 'data'), user: repositoryUser }), {
    instanceOf: PginstallError,
    message: /could not create directory ".*\/file\/data"/,
  })
  const data = join(directory.path, 'data')
  await prepareDirectories({ dataDirectory: data, user: repositoryUser })
  t.not(statSync(data).uid, 0)
})
