// The module of pgext/test, which runs in a backend what only C can ask of ours.
import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packagePath } from '../../../src/adapters/package-root.ts'
import type { PgConfig } from '../../../src/adapters/pg-config.ts'
import type { Session } from '../../helpers/cluster.ts'

/** Builds it below `directory` and creates its functions in the session's database. */
export async function loadTestModule(session: Session, installation: PgConfig, directory: string): Promise<void> {
  const sources = join(directory, 'pgext')
  cpSync(packagePath('pgext'), sources, { recursive: true, filter: (file) => !/\.(o|so)$/.test(file) })
  execFileSync('make', ['--silent', '-C', join(sources, 'test'), `PG_CONFIG=${installation.path}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const functions = readFileSync(join(sources, 'test', 'functions.sql'), 'utf8')
  await session.query(functions.replaceAll(':module', `'${join(sources, 'test', 'pginstall_test.so')}'`))
}
