// Where the package's own files are: the data that is not compiled (SQL, OpenAPI), from sources and from dist/ alike.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

type PackageJson = { name?: string; version: string }

const { root, description } = findPackage(dirname(fileURLToPath(import.meta.url)))

/** Version of this package. */
export function packageVersion(): string {
  return description.version
}

/** Absolute path of a file or folder of the package. */
export function packagePath(relative: string): string {
  return join(root, relative)
}

/** All files of one folder of the package with this ending, by name without it, in order of their names. */
export function readPackageFolder(relative: string, ending: string): Map<string, string> {
  const folder = packagePath(relative)
  const files = readdirSync(folder)
    .filter((file) => file.endsWith(ending))
    .sort()
  return new Map(files.map((file) => [file.slice(0, -ending.length), readFileSync(join(folder, file), 'utf8')]))
}

/** The nearest package.json above that is ours: dist/ may come to have one of its own. */
function findPackage(from: string): { root: string; description: PackageJson } {
  for (let folder = from; ; folder = dirname(folder)) {
    const description = readPackageJson(join(folder, 'package.json'))
    if (description?.name === 'pginstall') return { root: folder, description }
    if (folder === dirname(folder)) throw new Error(`no package.json of pginstall above ${from}`)
  }
}

function readPackageJson(file: string): PackageJson | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as PackageJson
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw cause
  }
}
