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
  const { postgresql, os, needs } = manifest
  return {
    fullName: manifest.full_name,
    version: manifest.version,
    target:
      postgresql === null || os === null || needs === null
        ? null
        : { major: majorOf(postgresql.version_num), platform: platformName(os, needs.architecture) },
    build,
  }
}

/** `github.com+dim+prefix--1.2.10--pg15--debian12-x86_64--1.tar.gz`, or `…--any--1.tar.gz` */
export function formatIdentity({ fullName, version, target, build }: ArchiveIdentity): string {
  const place = target === null ? 'any' : `pg${target.major}--${target.platform}`
  return `${flattenFullName(fullName)}--${version}--${place}--${build}${suffix}`
}

/**
 * Reads from the right, since a host in punycode has `--`.
 * @throws PginstallError invalid_name, name_too_long
 */
export function parseIdentity(file: string): ArchiveIdentity {
  const match =
    /^(?<flat>.+)--(?<version>[^+]*?[^-+]|.+?)--(?:any|pg(?<major>[1-9][0-9])--(?<platform>[a-z0-9._]+-[a-z0-9_]+))--(?<build>[1-9][0-9]{0,8})\.tar\.gz$/.exec(
      file,
    )
  const { flat, version, major, platform, build } = match?.groups ?? {}
  if (flat === undefined || version === undefined) {
    throw new PginstallError('invalid_name', `invalid archive name: "${file}"`, {
      detail: 'An archive is named FULL+NAME--VERSION--pgMAJOR--PLATFORM--BUILD.tar.gz, or FULL+NAME--VERSION--any--BUILD.tar.gz.',
    })
  }
  return {
    fullName: parseFullName(flat.replaceAll('+', '/')).full,
    version: checkVersion(version),
    target: platform === undefined ? null : { major: Number(major), platform },
    build: Number(build),
  }
}
