// The scratch directory of one build, and the unprivileged user to whom everything in it belongs and as whom everything
// that comes from the source is run.
import { chmod, chown, lchown, mkdir, mkdtemp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { findUser, type UserIds } from '../adapters/privileges.ts'
import { canContain, plainEnvironment, runProcess } from '../adapters/process.ts'
import { PginstallError } from '../model/errors.ts'

export type SpaceOptions = {
  /** Directory to make it in. */
  buildRoot: string
  /** Whom builds run as when we are root; nobody, without. Else it is who we are. */
  user: UserIds | undefined
  signal: AbortSignal
}

type RunOptions = {
  cwd: string
  timeoutMs: number
  env?: Record<string, string>
  onLine?: (line: string) => void
}

const copyTimeoutMs = 10 * 60_000
const cleanUpTimeoutMs = 10 * 60_000

export class BuildSpace implements AsyncDisposable {
  /** Ours: what no build may write to. The build user may walk through it. */
  readonly ours: string
  /** The build user's, in it. */
  readonly root: string
  /** Where the source is, once it is checked out. */
  readonly tree: string
  /** Undefined unless we are root. */
  readonly user: UserIds | undefined
  readonly #home: string
  readonly #options: SpaceOptions

  private constructor(ours: string, options: SpaceOptions) {
    this.ours = ours
    this.root = join(ours, 'space')
    this.tree = join(this.root, 'tree')
    this.user = options.user
    this.#home = join(this.root, 'home')
    this.#options = options
  }

  /** @throws PginstallError invalid_parameter_value when builds would run as root */
  static async create({ buildRoot, user, signal }: SpaceOptions): Promise<BuildSpace> {
    const builder = process.getuid?.() === 0 ? (user ?? findUser('nobody')) : undefined
    if (builder?.uid === 0) {
      throw new PginstallError('invalid_parameter_value', 'a build must not run as root', {
        hint: 'Set build_user to an unprivileged OS user.',
      })
    }
    const ours = await mkdtemp(join(buildRoot, 'pginstall-build-'))
    const space = new BuildSpace(ours, { buildRoot, user: builder, signal })
    await mkdir(space.#home, { recursive: true })
    await chmod(ours, 0o711)
    await space.give(space.root)
    return space
  }

  /** Another space of the same user, with a copy of this one's tree: builds for several servers start from the same. */
  async copy(): Promise<BuildSpace> {
    const space = await BuildSpace.create(this.#options)
    try {
      await space.#copyTree(this)
    } catch (cause) {
      await space[Symbol.asyncDispose]()
      throw cause
    }
    return space
  }

  async #copyTree(from: BuildSpace): Promise<void> {
    await this.run('cp', ['-a', '--', from.tree, this.tree], { cwd: this.root, timeoutMs: copyTimeoutMs })
  }

  /** A new directory that belongs to the build user. */
  async makeDirectory(path: string): Promise<string> {
    await this.run('mkdir', ['-p', '--', path], { cwd: this.root, timeoutMs: copyTimeoutMs })
    return path
  }

  /** Gives a tree that we made to the build user. */
  async give(path: string): Promise<void> {
    if (this.user === undefined) return
    const { uid, gid } = this.user
    for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
      await lchown(join(entry.parentPath, entry.name), uid, gid)
    }
    await chown(path, uid, gid)
  }

  /** Runs a program as the build user. The answer is the lines of its standard output, none when `onLine` takes them. */
  run(command: string, args: string[], options: RunOptions): Promise<string[]> {
    return this.#run(command, args, options, this.#options.signal)
  }

  async #run(command: string, args: string[], options: RunOptions, signal: AbortSignal): Promise<string[]> {
    const { stdout } = await runProcess(command, args, {
      ...options,
      env: { ...plainEnvironment, HOME: this.#home, TMPDIR: this.#home, ...options.env },
      signal,
      // Root touches the tree between programs: none of them may have left a process that changes it meanwhile.
      ...(this.user === undefined ? {} : { user: this.user, contained: await canContain() }),
    })
    return stdout.split('\n').filter((line) => line !== '')
  }

  /** The build user removes its own: root must not walk through directories that others may change meanwhile. */
  async [Symbol.asyncDispose](): Promise<void> {
    const remove = ['-rf', '--', this.root]
    const signal = AbortSignal.timeout(cleanUpTimeoutMs)
    // Fails for directories that the build made unwritable, and for the root itself; the rest is ours to remove.
    await this.#run('rm', remove, { cwd: '/', timeoutMs: cleanUpTimeoutMs }, signal).catch(() => undefined)
    // GNU rm holds on to the directories that it is in, where fs.rm would follow a path that was swapped for a link.
    await runProcess('rm', ['-rf', '--one-file-system', '--', this.ours], { signal, timeoutMs: cleanUpTimeoutMs })
  }
}
