// Compilers that do not build for the processor of the machine that builds.
import { constants } from 'node:fs'
import { access, mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { PgConfig } from '../adapters/pg-config.ts'
import { plainEnvironment } from '../adapters/process.ts'
import type { BuildSpace } from './build-space.ts'

const compilers = ['cc', 'gcc', 'clang', 'c++', 'g++', 'clang++']

/**
 * Writes a stand-in for each compiler that there is, into a directory to be put in front of PATH. Some Makefiles have
 * -march=native (pgvector's does): their modules would end other machines' servers by SIGILL. PGXS puts a source's own
 * options after everything that can be said on make's command line, so the option has to be taken out on the way.
 */
export async function writeCompilerShims(space: BuildSpace, pg: PgConfig): Promise<string> {
  const directory = join(space.ours, 'compilers')
  await mkdir(directory, { mode: 0o755 })
  const [serverCompiler = 'cc'] = pg.cc.split(/\s+/)
  for (const name of new Set([...compilers, basename(serverCompiler)])) {
    const real = await findProgram(name)
    if (real !== undefined) await writeFile(join(directory, name), shim(real), { mode: 0o755 })
  }
  return directory
}

function shim(real: string): string {
  return `#!/bin/sh
for argument do
  shift
  case $argument in
    -march=native | -mtune=native | -mcpu=native) ;;
    *) set -- "$@" "$argument" ;;
  esac
done
exec ${real} "$@"
`
}

async function findProgram(name: string): Promise<string | undefined> {
  for (const directory of plainEnvironment.PATH?.split(':') ?? []) {
    const path = join(directory, name)
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return path
  }
  return undefined
}
