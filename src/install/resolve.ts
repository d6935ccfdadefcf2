// From a name to the one archive that is meant: repositories in their order, policy, preference, version, needs.
import type { RepositoryClient } from '../adapters/repository-client.ts'
import { PginstallError, type Warning } from '../model/errors.ts'
import {
  type IndexedArchive,
  type IndexedExtension,
  type NameIndex,
  newestFirst,
  type Release,
  type TopIndex,
} from '../model/index.ts'
import { builtinProvider } from '../model/manifest.ts'
import { type ExtensionName, parseFullName } from '../model/names.ts'
import { type Machine, type RunningServer, unmetNeeds } from '../model/platform.ts'
import { type Asker, checkPins, judge, narrowByPreference, type Policy, pinned, refusal } from '../model/policy.ts'
import { compareVersions } from '../model/version-order.ts'
import { enumerate, noSuchVersion, notAvailable, unreachable } from './resolve-errors.ts'

export type Resolved = {
  fullName: string
  name: string
  version: string
  /** What the database is to have: that, or another to which the archive's scripts may lead. */
  sqlVersion: string
  /** To be raised when they do not. */
  missing?: PginstallError
  archive: IndexedArchive
  repository: RepositoryClient
  /** Whether it is a trusted extension for whoever asked. */
  trusted: boolean
}

/** What a name means depends on all of these. */
export type Circumstances = {
  repositories: RepositoryClient[]
  asker: Asker
  policy: Policy
  prefer: string[]
  server: RunningServer
  machine: Machine
  now: Date
  /** Asks repositories even where they have said that their index is fresh: the newest is wanted. */
  newest: boolean
  notify(message: string): void
  warn(warning: Warning): void
  signal: AbortSignal
}

/** An extension that the database has; `full_name` of what came through pginstall. */
export type Present = { name: string; full_name?: string }

/** Archives that an error lists at most. */
const maxListed = 10

/** Resolves the names of one request; each repository is asked for its index once. */
export class Resolver {
  #circumstances: Circumstances
  #indexes = new Map<RepositoryClient, Promise<TopIndex | undefined>>()
  /** Why those that the next one may stand in for could not be asked. */
  #unreached: PginstallError[] = []
  #mustAsk: boolean
  #wentByFresh = false

  constructor(circumstances: Circumstances) {
    this.#circumstances = circumstances
    this.#mustAsk = circumstances.newest
  }

  /**
   * Without a version: the newest release that is not yanked. With one that was never released by itself: that, too, for
   * PostgreSQL takes any version to which scripts lead.
   * @throws PginstallError undefined_extension, ambiguous_extension, insufficient_privilege, no_suitable_archive,
   * io_error, verification_failed
   */
  async resolve(name: ExtensionName, version?: string): Promise<Resolved> {
    try {
      const resolved = await this.#resolve(name, version)
      if (resolved.missing === undefined || !this.#wentByFresh) return resolved
    } catch (cause) {
      const isMissing =
        cause instanceof PginstallError && (cause.is('undefined_extension') || cause.is('no_suitable_archive'))
      if (!isMissing || !this.#wentByFresh) throw cause
    }
    // A newer index may have it.
    this.#mustAsk = true
    this.#wentByFresh = false
    this.#indexes.clear()
    this.#unreached = []
    return this.#resolve(name, version)
  }

  async #resolve(name: ExtensionName, version: string | undefined): Promise<Resolved> {
    const { repository, extension } = await this.#findProvider(name)
    const verdict = judge(extension.full_name, this.#circumstances.asker, this.#circumstances.policy)
    if (!verdict.allowed) throw refusal(extension.full_name, verdict.reason)
    const { release, missing } = this.#chooseRelease(extension, version, repository)
    this.#circumstances.notify(`found extension ${name.short}, version ${release.version}, at ${repository.name}`)
    const archive = this.#chooseArchive(extension, release)
    return {
      fullName: extension.full_name,
      name: name.short,
      version: release.version,
      sqlVersion: version ?? release.version,
      ...(missing === undefined ? {} : { missing }),
      archive,
      repository,
      trusted: verdict.trusted,
    }
  }

  /** The provider's other versions that suit, without those that are withdrawn: for what may be missing in this one. */
  async resolveOthers({ fullName, name, version, trusted }: Resolved): Promise<Resolved[]> {
    const { repository, extension } = await this.#findProvider({ kind: 'full', full: fullName, short: name })
    return pinned(fullName, extension.releases, this.#circumstances.policy)
      .filter((release) => !release.yanked && release.version !== version && this.#suitable(release).length > 0)
      .map((release) => {
        const archive = this.#chooseArchive(extension, release)
        const { version: other } = release
        return { fullName, name, version: other, sqlVersion: other, archive, repository, trusted }
      })
  }

  /**
   * For a database that has that version already: its archive, or of the next newer one that suits, since a module
   * serves all SQL versions before its own.
   * @throws as resolve
   */
  async resolveAtLeast(name: ExtensionName, version: string): Promise<Resolved> {
    const { extension } = await this.#findProvider(name)
    const releases = pinned(extension.full_name, extension.releases, this.#circumstances.policy)
    const serving = newestFirst(releases).filter(
      (release) =>
        !release.yanked && compareVersions(release.version, version) >= 0 && this.#suitable(release).length > 0,
    )
    return this.resolve(name, serving.at(-1)?.version ?? version)
  }

  /**
   * What the extension requires, and what that requires, dependencies first; without what the database has. What it has
   * from another provider is no substitute.
   */
  async resolveRequired(from: Resolved, installed: Present[]): Promise<Resolved[]> {
    const found = new Map<string, Resolved>([[from.fullName, from]])
    const visit = async (dependent: Resolved): Promise<void> => {
      const present = [
        ...installed,
        ...[...found.values()].map(({ name, fullName: full_name }) => ({ name, full_name })),
      ]
      checkProviders(dependent, present)
      for (const { name, provider } of dependent.archive.requires) {
        if (provider === builtinProvider || found.has(provider)) continue
        if (installed.some((extension) => extension.name === name)) continue
        const resolved = await this.resolve({ kind: 'full', full: provider, short: parseFullName(provider).short })
        found.set(provider, resolved)
        await visit(resolved)
      }
    }
    await visit(from)
    found.delete(from.fullName)
    return [...found.values()]
  }

  /** The first repository that has the name decides: what another one has under it concerns nobody. */
  async #findProvider(name: ExtensionName): Promise<{ repository: RepositoryClient; extension: IndexedExtension }> {
    const { repositories } = this.#circumstances
    const strangers: string[] = []
    for (const repository of repositories) {
      const index = await this.#index(repository)
      const names = index && (await this.#lookUp(repository, index, name.short))
      if (names === undefined) continue
      if (name.kind === 'short') return { repository, extension: this.#chooseProvider(name.short, names) }
      const extension = names.extensions.find(({ full_name }) => full_name === name.full)
      if (extension !== undefined) return { repository, extension }
      // Names of private extensions are told to nobody who may not install them.
      const { asker, policy } = this.#circumstances
      const tellable = names.extensions.filter(({ full_name }) => judge(full_name, asker, policy).allowed)
      strangers.push(...tellable.map(({ full_name }) => full_name))
    }
    throw this.#unreached[0] ?? notAvailable(name, repositories, strangers)
  }

  #chooseProvider(short: string, { extensions }: NameIndex): IndexedExtension {
    const { asker, policy, prefer } = this.#circumstances
    const fullNames = extensions.map(({ full_name }) => full_name)
    const verdicts = fullNames.map((fullName) => ({ fullName, verdict: judge(fullName, asker, policy) }))
    const allowed = verdicts.filter(({ verdict }) => verdict.allowed).map(({ fullName }) => fullName)
    const candidates = narrowByPreference(allowed, prefer)
    const chosen = extensions.find(({ full_name }) => full_name === candidates[0])
    if (chosen === undefined) {
      const reasons = verdicts.map(({ fullName, verdict }) => {
        const reason = verdict.allowed ? '' : verdict.reason
        return asker.superuser ? `"${fullName}": ${reason}` : reason
      })
      throw refusal(short, [...new Set(reasons)].join(' '))
    }
    if (candidates.length > 1) {
      throw new PginstallError('ambiguous_extension', `extension short name "${short}" matches several providers`, {
        detail: `The extensions ${enumerate(candidates)} match the short name "${short}".`,
        hint: 'Please use the full name of the extension you want to install.',
      })
    }
    return chosen
  }

  #chooseRelease(
    extension: IndexedExtension,
    version: string | undefined,
    repository: RepositoryClient,
  ): { release: Release; missing?: PginstallError } {
    const { policy } = this.#circumstances
    if (version !== undefined) checkPins(extension.full_name, version, policy)
    const releases = newestFirst(pinned(extension.full_name, extension.releases, policy))
    const current = releases.filter(({ yanked }) => !yanked)
    const release = version === undefined ? current[0] : current.find((other) => other.version === version)
    if (release !== undefined) return { release }
    const missing = noSuchVersion(extension, version, releases, repository, policy)
    const isWithdrawn = releases.some((other) => other.version === version)
    const newest = isWithdrawn ? undefined : current.find((other) => this.#suitable(other).length > 0)
    if (version === undefined || newest === undefined) throw missing
    return { release: newest, missing }
  }

  #chooseArchive(extension: IndexedExtension, release: Release): IndexedArchive {
    const suitable = this.#suitable(release)
    const newest = suitable.toSorted((a, b) => b.build - a.build)[0]
    if (newest !== undefined) return newest
    const { server, machine, policy } = this.#circumstances
    const reasons = release.archives
      .slice(0, maxListed)
      .map((archive) => `${archive.file}: ${unmetNeeds(archive, server, machine).join(' ')}`)
    if (release.archives.length > maxListed) reasons.push(`(and ${release.archives.length - maxListed} more)`)
    const other = newestFirst(pinned(extension.full_name, extension.releases, policy)).find(
      (candidate) => !candidate.yanked && this.#suitable(candidate).length > 0,
    )
    throw new PginstallError(
      'no_suitable_archive',
      `no archive of extension "${extension.full_name}" version ${release.version} suits this server and machine`,
      {
        detail: reasons.join('\n'),
        hint:
          other === undefined
            ? 'Build one with: pginstall build'
            : `Version ${other.version} has one: use VERSION '${other.version}'.`,
      },
    )
  }

  #suitable(release: Release): IndexedArchive[] {
    const { server, machine } = this.#circumstances
    return release.archives.filter((archive) => unmetNeeds(archive, server, machine).length === 0)
  }

  /** Undefined when the repository cannot be asked and the next one may stand in for it. */
  #index(repository: RepositoryClient): Promise<TopIndex | undefined> {
    let index = this.#indexes.get(repository)
    if (index === undefined) {
      index = this.#refresh(repository)
      this.#indexes.set(repository, index)
    }
    return index
  }

  /** A repository that cannot be reached is no reason to refuse what its last index, still good, knows. */
  async #refresh(repository: RepositoryClient): Promise<TopIndex | undefined> {
    const { notify, signal, now } = this.#circumstances
    const fresh = this.#mustAsk ? undefined : repository.fresh(now)
    if (fresh !== undefined) {
      this.#wentByFresh = true
      return fresh
    }
    notify(`updating repository ${repository.name}`)
    try {
      return await repository.refresh(signal, now)
    } catch (cause) {
      const known = await repository.known()
      if (!(cause instanceof PginstallError) || !cause.is('io_error')) throw cause
      if (known !== undefined && !repository.hasExpired(known.index, now)) {
        notify(`could not update repository ${repository.name}, using its index of ${known.updated}`)
        return known.index
      }
      return this.#goOnWithout(repository, unreachable(repository, cause, known?.index))
    }
  }

  /** What an index has under a name may not be on disk yet. */
  async #lookUp(repository: RepositoryClient, index: TopIndex, short: string): Promise<NameIndex | undefined> {
    try {
      return await repository.lookUp(index, short, this.#circumstances.signal)
    } catch (cause) {
      if (!(cause instanceof PginstallError) || !cause.is('io_error')) throw cause
      return this.#goOnWithout(repository, unreachable(repository, cause))
    }
  }

  #goOnWithout(repository: RepositoryClient, failure: PginstallError): undefined {
    if (!repository.fallback) throw failure
    this.#circumstances.notify(`could not reach repository ${repository.name}, the next one may stand in for it`)
    this.#unreached.push(failure)
  }
}

/**
 * PostgreSQL looks for what is required by its short name, and a database has one provider of it.
 * @throws PginstallError duplicate_object
 */
export function checkProviders({ fullName, archive }: Resolved, present: Present[]): void {
  for (const { name, provider } of archive.requires) {
    const other = present.find((extension) => extension.name === name)?.full_name
    if (other === undefined || other === provider) continue
    throw new PginstallError('duplicate_object', `extension "${fullName}" requires "${name}" from another provider`, {
      detail: `It was built for ${provider === builtinProvider ? "PostgreSQL's own" : `"${provider}"`}; this database has, or would have, "${other}".`,
      hint: 'Another database of the cluster may have the other provider.',
    })
  }
}
