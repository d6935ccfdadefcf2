// A real repository server on a free port, with a private cluster of its own; every answer is held to the API's document.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { pino } from 'pino'
import { type RepositoryServer, type RepositoryServerOptions, startRepositoryServer } from '../../../src/server/main.ts'
import { repositoryUser } from '../../helpers/os-users.ts'
import { makeTemporaryDirectory, type TemporaryDirectory } from '../../helpers/temporary-directory.ts'
import type { TestArchive } from './archives.ts'
import { nonconformity } from './conformance.ts'
import { type Answer, type RequestOptions, request } from './request.ts'

export type TestServer = RepositoryServer & {
  directory: TemporaryDirectory
  dataDirectory: string
  /** The `Authorization` of an administrator. */
  authorization: string
  /** Asks, and fails the test when the answer is not as protocol/repository.openapi.yaml says. */
  ask(t: ExecutionContext, path: string, options?: RequestOptions): Promise<Answer>
  upload(t: ExecutionContext, archive: TestArchive, options?: RequestOptions): Promise<Answer>
}

export type ProblemBody = {
  title: string
  status: number
  sqlstate: string
  detail?: string
  hint?: string
  candidates?: string[]
}

/** In a directory that is there already, it is started again. */
export async function startServer(
  options: Partial<RepositoryServerOptions> = {},
  directory = makeTemporaryDirectory('repository'),
): Promise<TestServer> {
  const dataDirectory = options.dataDirectory ?? join(directory.path, 'data')
  const server = await startRepositoryServer({
    dataDirectory,
    listenAddress: '127.0.0.1',
    listenPort: 0,
    pgConfig: 'pg_config',
    user: repositoryUser,
    maxArchiveBytes: 1024 * 1024,
    log: pino({ level: 'silent' }),
    ...options,
  })
  const authorization = `Bearer ${readFileSync(join(dataDirectory, 'admin-token'), 'utf8').trim()}`
  const ask: TestServer['ask'] = async (t, path, asked = {}) => {
    const answer = await request(server.localUri, path, asked)
    t.is(nonconformity(asked.method ?? 'GET', path, answer), undefined, `${asked.method ?? 'GET'} ${path}`)
    return answer
  }
  return {
    ...server,
    directory,
    dataDirectory,
    authorization,
    ask,
    upload: (t, { file, bytes }, asked = {}) =>
      ask(t, `/archives/${file}`, { method: 'PUT', body: bytes, headers: { authorization }, ...asked }),
  }
}

/** Checks status and SQLSTATE of a refusal; the rest of it is the result. */
export function problem(t: ExecutionContext, answer: Answer, status: number, sqlstate: string): ProblemBody {
  const body = answer.json() as ProblemBody
  t.deepEqual([answer.status, body.status, body.sqlstate], [status, status, sqlstate], answer.body.toString())
  t.regex(body.title, /^[^A-Z].*[^.]$/s)
  for (const sentence of [body.detail, body.hint]) if (sentence !== undefined) t.regex(sentence, /^["A-Z].*[.?"]$/s)
  return body
}
