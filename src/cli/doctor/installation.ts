// doctor: the PostgreSQL installation that is served, and our extension in it.
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { packagePath } from '../../adapters/package-root.ts'
import { type PgConfig, readPgConfig } from '../../adapters/pg-config.ts'
import { parseControlFile } from '../../model/control-file.ts'
import { error, type Finding, failure, ok, warning } from '../../model/finding.ts'
import { formatVersionNum, majorOf } from '../../model/platform.ts'

const firstMajor = 13
const lastMajor = 18

export async function checkInstallation(
  path: string,
  signal: AbortSignal,
): Promise<{ findings: Finding[]; installation?: PgConfig }> {
  try {
    const installation = await readPgConfig(path, signal)
    return { findings: [checkMajor(installation), checkExtension(installation)], installation }
  } catch (thrown) {
    const hint = 'Name the pg_config of the server: pginstall config pg_config /usr/lib/postgresql/15/bin/pg_config'
    return { findings: [failure('PostgreSQL', thrown, hint)] }
  }
}

function checkMajor({ path, versionNum }: PgConfig): Finding {
  const text = `PostgreSQL ${formatVersionNum(versionNum)}, by ${path}`
  const major = majorOf(versionNum)
  if (major < firstMajor) return error('PostgreSQL', text, `Majors from ${firstMajor} on can be served.`)
  if (major > lastMajor) return warning('PostgreSQL', text, `Majors up to ${lastMajor} have been tried.`)
  return ok('PostgreSQL', text)
}

/** The module and control file that CREATE EXTENSION pginstall takes. */
function checkExtension({ path, pkglibdir, sharedir }: PgConfig): Finding {
  const install = `pginstall setup --pg-config ${path}`
  const module = join(pkglibdir, 'pginstall.so')
  if (statSync(module, { throwIfNoEntry: false }) === undefined) {
    return error('extension', `there is no ${module}`, install)
  }
  try {
    const installed = readDefaultVersion(join(sharedir, 'extension', 'pginstall.control'))
    const ours = readDefaultVersion(packagePath('pgext/pginstall.control'))
    if (installed === ours) return ok('extension', `pginstall ${installed} is installed in ${pkglibdir}`)
    return error('extension', `pginstall ${installed} is installed, this command is of ${ours}`, install)
  } catch (thrown) {
    return failure('extension', thrown, install)
  }
}

function readDefaultVersion(file: string): string {
  return parseControlFile(readFileSync(file, 'utf8'), { file, auxiliary: false }).defaultVersion ?? 'without a version'
}
