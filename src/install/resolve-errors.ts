// What is said of a name that leads to no archive.
import type { RepositoryClient } from '../adapters/repository-client.ts'
import { PginstallError } from '../model/errors.ts'
import type { IndexedExtension, Release, TopIndex } from '../model/index.ts'
import type { ExtensionName } from '../model/names.ts'
import { describePins, type Policy } from '../model/policy.ts'

export function unreachable(
  repository: RepositoryClient,
  cause: PginstallError,
  expired: TopIndex | undefined = undefined,
): PginstallError {
  const last = expired === undefined ? '' : ` Its last index was good until ${expired.expires}.`
  return new PginstallError('io_error', `could not reach repository ${repository.name}`, {
    detail: `${cause.message[0]?.toUpperCase()}${cause.message.slice(1)}.${last}`,
    hint: 'Try again when the repository is up, or take it out of setting "repositories".',
    cause,
  })
}

/** `releases` are those that pins let through. */
export function noSuchVersion(
  extension: IndexedExtension,
  version: string | undefined,
  releases: Release[],
  repository: RepositoryClient,
  policy: Policy,
): PginstallError {
  const current = releases.filter(({ yanked }) => !yanked)
  const yanked = releases.some((release) => release.version === version && release.yanked)
  const what = version === undefined ? 'no version' : `no version "${version}"`
  const there = current.map((release) => release.version).join(', ')
  const all = releases.length === 0 ? 'There is none.' : 'All versions have been withdrawn.'
  return new PginstallError(
    'undefined_extension',
    `extension "${extension.full_name}" has ${what} at ${repository.name}`,
    {
      detail: [
        describePins(extension.full_name, policy),
        yanked ? `Version ${version} has been withdrawn.` : undefined,
        current.length === 0 ? all : `There are: ${there}.`,
      ]
        .filter((sentence) => sentence !== undefined)
        .join(' '),
    },
  )
}

/** `strangers` are other providers of the name that may be told. */
export function notAvailable(
  name: ExtensionName,
  repositories: RepositoryClient[],
  strangers: string[],
): PginstallError {
  const asked = name.kind === 'full' ? name.full : name.short
  if (repositories.length === 0) {
    return new PginstallError('undefined_extension', `extension "${asked}" is not available`, {
      detail: 'PostgreSQL itself does not have it, and no repository is configured.',
      hint: 'Name one in setting "repositories", with: pginstall config repositories NAME',
    })
  }
  const others = strangers.length === 0 ? '' : ` They have ${enumerate(strangers)}.`
  return new PginstallError('undefined_extension', `extension "${asked}" is not available`, {
    detail: `PostgreSQL itself does not have it, nor has any repository asked: ${repositories.map((repository) => repository.name).join(', ')}.${others}`,
    hint: `Look for it with: SELECT * FROM pginstall.search('${name.short.replaceAll("'", "''")}');`,
  })
}

export function enumerate(names: string[]): string {
  const quoted = names.map((name) => `"${name}"`)
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)}`
}
