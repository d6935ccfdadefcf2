// What the modules of an installation are bound to, as our own module in it says: no server needs to run, no headers to be there.
import { readFileSync } from 'node:fs'
import type { PgConfig } from '../adapters/pg-config.ts'
import { PginstallError } from '../model/errors.ts'
import type { RunningServer } from '../model/platform.ts'
import { parseJson } from '../model/schema.ts'
import { modulePath } from './extension-files.ts'

/**
 * pgext/src/built_against.c; the minor release is that of the server's files now.
 * @throws PginstallError undefined_file when the installation lacks our module
 */
export function readServerFacts(installation: PgConfig): RunningServer {
  const path = modulePath(installation)
  const [, said] = /pginstall is built against (\{[^}\0]*\})/.exec(readIfThere(path)) ?? []
  if (said === undefined) {
    throw new PginstallError(
      'undefined_file',
      `installation ${installation.path} does not have this release's module`,
      {
        detail: `It would be ${path}.`,
        hint: `Set its cluster up: pginstall setup --pg-config ${installation.path}`,
      },
    )
  }
  return { ...(parseJson(said, 'module') as RunningServer), version_num: installation.versionNum }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
