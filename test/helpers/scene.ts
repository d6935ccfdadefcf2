// For tests of what goes wrong: a repository that may be spoiled, a database of its own, and errors that leave no trace.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import type { Session } from './cluster.ts'
import { writeSettings } from './command.ts'
import type { Stage } from './stage.ts'
import { type StaticRepository, serveStaticRepository } from './static-repository.ts'

export type Scene = {
  repository: StaticRepository
  database: string
  session: Session
  /** The statement fails as it should, and leaves everything as it was. */
  fails(sql: string, expected: Expected, session?: Session): Promise<void>
}

export type Expected = { code: string; message: RegExp; detail?: RegExp; hint?: RegExp }

/** The only repository of the stage's sidecar from now on, and a session in a new database. */
export async function setScene(t: ExecutionContext, stage: Stage): Promise<Scene> {
  const repository = await serveStaticRepository()
  t.teardown(() => repository.close())
  const database = `r${t.title
    .replace(/[^a-z]+/gi, '')
    .toLowerCase()
    .slice(0, 40)}`
  writeSettings(stage.configDirectory, `repositories/${database}`, { uri: repository.uri, key: repository.publicKey })
  stage.configure({ repositories: database })
  stage.cluster.psql(`CREATE DATABASE ${database}`)
  const session = await stage.cluster.connect({ database })
  return {
    repository,
    database,
    session,
    fails: (sql, expected, other = session) => fails(t, stage, other, sql, expected),
  }
}

async function fails(
  t: ExecutionContext,
  stage: Stage,
  session: Session,
  sql: string,
  expected: Expected,
): Promise<void> {
  const alive = 'SELECT pg_backend_pid() AS pid, pg_postmaster_start_time()::text AS started'
  const extensions = `SELECT extname FROM pg_extension ORDER BY extname`
  const before = [...(await session.query(alive)), ...(await session.query(extensions))]
  const error = await session.errorOf(sql)
  t.is(error?.code, expected.code, `${error?.message}: ${error?.detail}`)
  t.regex(error?.message ?? '', expected.message)
  if (expected.detail !== undefined) t.regex(error?.detail ?? '', expected.detail)
  if (expected.hint !== undefined) t.regex(error?.hint ?? '', expected.hint)
  t.deepEqual([...(await session.query(alive)), ...(await session.query(extensions))], before)
  t.deepEqual(leftovers(stage), [])
}

/** Files of fetches that are over. */
function leftovers(stage: Stage): string[] {
  const incoming = readdirSync(join(stage.state, 'incoming'), { recursive: true, withFileTypes: true })
  return incoming.filter((entry) => entry.isFile()).map(({ name }) => name)
}
