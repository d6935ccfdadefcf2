// Source trees to build: a real extension's, and small ones written for one test.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packagePath } from '../../src/adapters/package-root.ts'

/** The upstream source of one of Debian's source packages, fetched once. */
export function fetchSource(name: string, suite: string): string {
  const directory = packagePath(`build/sources/${name}`)
  if (!existsSync(directory))
    execFileSync(packagePath('scripts/fetch-source'), [name, suite, directory], { stdio: ['ignore', 2, 2] })
  return directory
}

export type SmallExtension = {
  name: string
  version?: string
  /** Lines of the control file besides comment and default_version. */
  control?: string
  /** The script; its guard against psql is not needed here. */
  sql: string
  /** C source of a module. */
  module?: string
  /** What the module is called; without, as the extension. */
  moduleName?: string
  /** More files, by path. */
  files?: Record<string, string>
}

/** Writes a PGXS source tree below `directory`. */
export function writeSourceTree(directory: string, extension: SmallExtension): string {
  const { name, version = '1.0', control = '', sql, module, moduleName = name, files = {} } = extension
  const tree = join(directory, `${name}-${version}`)
  mkdirSync(tree, { recursive: true })
  const write = (file: string, text: string) => writeFileSync(join(tree, file), text)
  write(`${name}.control`, `comment = 'made for a test'\ndefault_version = '${version}'\n${control}\n`)
  write(`${name}--${version}.sql`, sql)
  if (module !== undefined) write(`${moduleName}.c`, module)
  for (const [file, text] of Object.entries(files)) write(file, text)
  const scripts = [`${name}--${version}.sql`, ...Object.keys(files).filter((file) => /--.*\.(sql|control)$/.test(file))]
  write(
    'Makefile',
    [
      `EXTENSION = ${name}`,
      `DATA = ${scripts.join(' ')}`,
      ...(module === undefined ? [] : [`MODULES = ${moduleName}`]),
      'PG_CONFIG = pg_config',
      'PGXS := $(shell $(PG_CONFIG) --pgxs)',
      'include $(PGXS)',
      '',
    ].join('\n'),
  )
  return tree
}

/** C source of one function, `int4 NAME()`, which answers a number. */
export function answeringModule(name: string, answer: number): string {
  return `#include "postgres.h"
#include "fmgr.h"
PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(${name});
Datum ${name}(PG_FUNCTION_ARGS) { PG_RETURN_INT32(${answer}); }
`
}
