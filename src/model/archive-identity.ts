// An archive's identity, which is its file name. Published once, its bytes are for ever.
import { PginstallError } from './errors.ts'
import type { Manifest } from './manifest.ts'
import { checkVersion, flattenFullName, parseFullName } from './names.ts'
import { majorOf, platformName } from './platform.ts'

export type ArchiveIdentity = {
  fullName: string
  version: string
  /** Null for an SQL-only archive, which suits every major and platform. */
  target: { major: number; platform: string } | null
  /** From 1; a rebuild has the next. */
  build: number
}

const suffix = '.tar.gz'

export function identityOf(manifest: Manifest, build: number): ArchiveIdentity {
  return { fullName: manifest.full_name, version: manifest.version, target: targetOf(manifest), build }
}

/** Major and platform of an archive with modules; null for one without. */
export function targetOf({
  postgresql,
  os,
  needs,
}: Pick<Manifest, 'postgresql' | 'os' | 'needs'>): ArchiveIdentity['target'] {
  if (postgresql === null || os === null || needs === null) return null
  return { major: majorOf(postgresql.version_num), platform: platformName(os, needs.architecture) }
}

/** `github.com+dim+prefix--1.2.10--pg15--debian12-x86_64--1.tar.gz`, or `…--any--1.tar.gz` */
export function formatIdentity({ fullName, version, target, build }: ArchiveIdentity): string {
  const place = target === null ? 'any' : `pg${target.major}--${target.platform}`
  return `${flattenFullName(fullName)}--${version}--${place}--${build}${suffix}`
}

/**
 * Reads from the right: a host in punycode has `--`, nothing behind it has.
 * @throws PginstallError invalid_name, name_too_long
 */
export function parseIdentity(file: string): ArchiveIdentity {
  const parts = file.endsWith(suffix) && !file.includes('/') ? file.slice(0, -suffix.length).split('--') : []
  const build = /^[1-9][0-9]{0,8}$/.exec(parts.pop() ?? '')?.[0]
  const target = parseTarget(parts)
  const version = parts.pop()
  if (build === undefined || target === undefined || version === undefined || parts.length === 0) {
    throw new PginstallError('invalid_name', `invalid archive name: "${file}"`, {
      detail:
        'An archive is named FULL+NAME--VERSION--pgMAJOR--PLATFORM--BUILD.tar.gz, or FULL+NAME--VERSION--any--BUILD.tar.gz.',
    })
  }
  const { full: fullName } = parseFullName(parts.join('--').replaceAll('+', '/'))
  return { fullName, version: checkVersion(version), target, build: Number(build) }
}

/** Takes the last one or two parts; undefined when they are no target. */
function parseTarget(parts: string[]): ArchiveIdentity['target'] | undefined {
  const last = parts.pop() ?? ''
  if (last === 'any') return null
  const major = /^pg([1-9][0-9])$/.exec(parts.pop() ?? '')?.[1]
  return major !== undefined && /^[a-z0-9._]+-[a-z0-9_]+$/.test(last)
    ? { major: Number(major), platform: last }
    : undefined
}
