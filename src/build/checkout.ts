// Puts a source tree where it is to be built, and says which revision it is.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { cp, lstat, mkdir, readdir, readlink, rename, stat, writeFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { PginstallError } from '../model/errors.ts'
import type { BuildSpace } from './build-space.ts'

const cloneTimeoutMs = 30 * 60_000
const gitTimeoutMs = 60_000
/** Left by a build in the source itself, perhaps against another server. */
const builtFiles = ['(', '-name', '*.o', '-o', '-name', '*.bc', '-o', '-name', '*.so', ')']

/** Whether a source is a URI that git clones rather than a directory. */
export function isGitUri(source: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(source) || /^[\w.-]+@[\w.-]+:/.test(source)
}

/**
 * Brings a source into the build space's tree: a copy of a directory, or a clone.
 * @returns `git:<commit>` of our own clone, else `sha256:<hex>` of the tree's content
 * @throws PginstallError build_failed
 */
export async function checkOut(source: string, space: BuildSpace): Promise<string> {
  if (isGitUri(source)) {
    await clone(source, space)
    const [commit] = await runGit(['-C', space.tree, 'rev-parse', '--verify', 'HEAD'], space)
    return `git:${commit}`
  }
  // Somebody's checkout may hide its changes from git (assume-unchanged), and its configuration can run programs.
  await copyTree(source, space)
  const remove = [space.tree, '-type', 'f', ...builtFiles, '-delete']
  await space.run('find', remove, { cwd: space.root, timeoutMs: gitTimeoutMs })
  return `sha256:${await hashTree(space.tree)}`
}

/** As the build user, since a repository's own configuration can have git run programs. */
async function runGit(args: string[], space: BuildSpace, timeoutMs = gitTimeoutMs): Promise<string[]> {
  const configuration = join(space.ours, 'gitconfig')
  // A tree of another owner is one that we were asked to build.
  await writeFile(configuration, '[safe]\n\tdirectory = *\n')
  const env = {
    GIT_CONFIG_GLOBAL: configuration,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    // Not ext::, which is a shell.
    GIT_ALLOW_PROTOCOL: 'https:http:git:ssh:file',
    // A tree that is no checkout must not be taken for part of one that it happens to lie in.
    GIT_CEILING_DIRECTORIES: space.root,
  }
  const unhooked = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null']
  return space.run('git', [...unhooked, ...args], { cwd: space.root, env, timeoutMs })
}

async function clone(uri: string, space: BuildSpace): Promise<void> {
  try {
    await runGit(
      ['clone', '--quiet', '--depth', '1', '--recurse-submodules', '--', uri, space.tree],
      space,
      cloneTimeoutMs,
    )
  } catch (cause) {
    if (cause instanceof PginstallError && cause.is('query_canceled')) throw cause
    throw new PginstallError('build_failed', `could not clone "${uri}"`, {
      ...(cause instanceof PginstallError && cause.detail !== undefined ? { detail: cause.detail } : {}),
      cause,
    })
  }
}

async function copyTree(source: string, space: BuildSpace): Promise<void> {
  const found = await stat(source).catch(() => undefined)
  if (!found?.isDirectory()) {
    throw new PginstallError('build_failed', `source "${source}" is neither a directory nor a URI`)
  }
  // Where the build user cannot reach it until it is all theirs: our walk must not meet directories swapped for links.
  const sealed = join(space.ours, 'sealed')
  await mkdir(sealed, { mode: 0o700 })
  const copy = join(sealed, 'tree')
  await mkdir(copy)
  const filter = async (path: string): Promise<boolean> => {
    const file = await lstat(path)
    if (file.isSymbolicLink()) await checkLink(source, path)
    return file.isDirectory() || file.isSymbolicLink() || file.isFile()
  }
  await cp(source, copy, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true, filter })
  await space.give(copy)
  await rename(copy, space.tree)
}

/** What a link leads to outside the tree would be there for this build and missing in the next. */
async function checkLink(source: string, path: string): Promise<void> {
  const target = await readlink(path)
  const inside = relative(source, join(path, '..', target))
  if (target.startsWith('/') || inside === '..' || inside.startsWith(`..${sep}`)) {
    throw new PginstallError(
      'build_failed',
      `the source has a symbolic link that leads out of it: "${relative(source, path)}"`,
    )
  }
}

/** SHA-256 over every path, kind, executable bit and content, in the order of the paths. */
async function hashTree(tree: string): Promise<string> {
  const hash = createHash('sha256')
  const paths = await readdir(tree, { recursive: true, withFileTypes: true })
  const sorted = paths.map((entry) => join(entry.parentPath, entry.name)).sort()
  for (const path of sorted) {
    const name = relative(tree, path)
    if (name === '.git' || name.startsWith(`.git${sep}`)) continue
    const file = await lstat(path)
    if (file.isSymbolicLink()) hash.update(JSON.stringify(['link', name, await readlink(path)]))
    if (!file.isFile()) continue
    const executable = (file.mode & 0o100) !== 0
    hash.update(JSON.stringify([executable ? 'program' : 'file', name, file.size]))
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  }
  return hash.digest('hex')
}
