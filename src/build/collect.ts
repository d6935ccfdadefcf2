// Takes what make install left in the staging tree out of the build user's hands.
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readTarEntries } from '../adapters/tar-blocks.ts'
import { PginstallError } from '../model/errors.ts'
import type { BuildSpace } from './build-space.ts'

export type StagedFile = {
  /** Where it would be installed, absolute. */
  path: string
  /** Our copy. */
  source: string
  /** Bytes. */
  size: number
  sha256: string
}

const timeoutMs = 10 * 60_000

/**
 * Copies every file of the staging tree into a directory that is ours, links followed.
 * The tree was written by the source's own Makefile. Were we, as root, to follow a link in it, `ln -s /etc/shadow
 * doc/x` would publish that file; so the build user reads the files, and hands them over as a tar, whose names never
 * reach the file system: our copies are numbered.
 * @throws PginstallError build_failed
 */
export async function collectStage(space: BuildSpace, stage: string): Promise<StagedFile[]> {
  const paths = await listFiles(space, stage)
  if (paths.length === 0) throw new PginstallError('build_failed', 'make install installed nothing')
  const list = join(space.ours, 'files')
  const bundle = join(space.root, 'files.tar')
  await writeFile(list, paths.map((path) => `${path}\0`).join(''))
  const what = ['--create', '--format=ustar', '--dereference', '--hard-dereference', '--no-recursion']
  const from = ['--verbatim-files-from', '--null', `--files-from=${list}`, `--file=${bundle}`]
  await space.run('tar', [...what, ...from], { cwd: stage, timeoutMs }).catch((cause: unknown) => {
    throw new PginstallError('build_failed', 'could not collect the installed files', {
      ...(cause instanceof PginstallError && cause.detail !== undefined ? { detail: cause.detail } : {}),
      cause,
    })
  })
  return unbundle(bundle, join(space.ours, 'collected'))
}

/** Paths below the stage, without what would be followed in circles. */
async function listFiles(space: BuildSpace, stage: string): Promise<string[]> {
  const lines = await space.run('find', ['-L', '.', '-type', 'f'], { cwd: stage, timeoutMs })
  return lines.map((line) => line.slice('./'.length)).sort()
}

async function unbundle(bundle: string, directory: string): Promise<StagedFile[]> {
  await mkdir(directory)
  // The build user could have put a link here.
  await using file = await open(bundle, constants.O_RDONLY | constants.O_NOFOLLOW)
  const bytes = async function* (): AsyncGenerator<Buffer, void, undefined> {
    yield* file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>
  }
  const staged: StagedFile[] = []
  for await (const { path, size, content } of readTarEntries(bytes())) {
    const source = join(directory, String(staged.length))
    const hash = createHash('sha256')
    const copy = await open(source, 'wx', 0o644)
    try {
      for await (const chunk of content) {
        hash.update(chunk)
        await copy.writeFile(chunk)
      }
    } finally {
      await copy.close()
    }
    staged.push({ path: `/${path}`, source, size, sha256: hash.digest('hex') })
  }
  return staged
}
