// Local policy: which full names may be installed here, in which versions, and by whom. Nothing a repository says of
// itself counts.
import { PginstallError } from './errors.ts'
import { checkPattern, checkVersion, type ExtensionName, matchesPattern } from './names.ts'

/** One setting's list. `place` says where it stands, for whoever has to change it: `line 3 of "/etc/…"`. */
export type Rule<T> = { list: T[]; place: string }

/** A version, or what it begins with and `*`: `1.2.10`, `1.2.*`. */
export type Pin = { pattern: string; version: string }

/** What a role that is no superuser may install. The role's name is no pattern: CREATEROLE could mint one that matches. */
export type Grant = { role: string; extensions: string[]; trusted: boolean }

export type Policy = {
  /** Patterns of full names that may be installed; `deny` overrules it. */
  allow: Rule<string>
  deny: Rule<string>
  /** An extension that one of them names comes in the versions that they name, to superusers too. */
  pins: Rule<Pin>
  /** `place` is where grants are kept. */
  grants: Rule<Grant>
}

/** Who asks, as the server itself says. */
export type Asker = {
  superuser: boolean
  /** For others: every role whose privileges the role has, itself first. */
  roles: string[]
}

/** `trusted`: whether the extension is a trusted one for this asker, in PostgreSQL's sense. */
export type Verdict = { allowed: true; trusted: boolean } | { allowed: false; reason: string }

/** @throws PginstallError invalid_parameter_value, invalid_name */
export function parsePin(text: string): Pin {
  const at = text.indexOf('=')
  if (at === -1) {
    throw new PginstallError('invalid_parameter_value', `invalid pin: "${text}"`, {
      hint: 'A pin is a full-name pattern and a version, such as github.com/dim/prefix=1.2.10 or github.com/dim/*=1.2.*.',
    })
  }
  const version = text.slice(at + 1)
  checkVersion(version.endsWith('*') ? version.slice(0, -1) : version)
  return { pattern: checkPattern(text.slice(0, at)), version }
}

export function judge(fullName: string, asker: Asker, policy: Policy): Verdict {
  const grants = grantsOf(asker, policy).filter(({ extensions }) => matchesAny(fullName, extensions))
  const granted = asker.superuser || grants.length > 0
  // What policy says of other names, and of whom, is told to nobody without a grant.
  if (!granted) return { allowed: false, reason: ungranted(asker, policy) }
  const { allow, deny } = policy
  const denied = deny.list.find((pattern) => matchesPattern(fullName, pattern))
  if (denied !== undefined) return { allowed: false, reason: `Setting "deny", ${deny.place}, has "${denied}".` }
  if (!matchesAny(fullName, allow.list)) {
    return { allowed: false, reason: `Setting "allow", ${allow.place}, is "${allow.list.join(', ')}".` }
  }
  return { allowed: true, trusted: grants.some(({ trusted }) => trusted) }
}

/** The releases that pins let through. */
export function pinned<Release extends { version: string }>(
  fullName: string,
  releases: Release[],
  policy: Pick<Policy, 'pins'>,
): Release[] {
  const versions = pinsOf(fullName, policy)
  return versions.length === 0 ? releases : releases.filter(({ version }) => matchesVersion(version, versions))
}

/** Why not all versions may be had, as a sentence; undefined when they may. */
export function describePins(fullName: string, policy: Pick<Policy, 'pins'>): string | undefined {
  const versions = pinsOf(fullName, policy)
  return versions.length === 0
    ? undefined
    : `Setting "pins", ${policy.pins.place}, holds it at ${versions.join(' or ')}.`
}

/** @throws PginstallError insufficient_privilege */
export function checkPins(fullName: string, version: string, policy: Pick<Policy, 'pins'>): void {
  if (pinned(fullName, [{ version }], policy).length > 0) return
  throw refusal(fullName, describePins(fullName, policy) ?? '', version)
}

/**
 * Refuses what policy refuses whichever provider a short name turns out to have, so that a role without rights makes
 * nobody ask the network.
 * @throws PginstallError insufficient_privilege
 */
export function checkBeforeNetwork(
  name: ExtensionName,
  version: string | undefined,
  asker: Asker,
  policy: Policy,
): void {
  if (name.kind === 'full') {
    const verdict = judge(name.full, asker, policy)
    if (!verdict.allowed) throw refusal(name.full, verdict.reason)
    if (version !== undefined) checkPins(name.full, version, policy)
    return
  }
  const possible = (patterns: string[]) => patterns.some((pattern) => couldEndIn(pattern, name.short))
  if (!asker.superuser && !grantsOf(asker, policy).some(({ extensions }) => possible(extensions))) {
    throw refusal(name.short, ungranted(asker, policy))
  }
  const { allow } = policy
  if (!isPossible(name.short, policy)) {
    throw refusal(name.short, `Setting "allow", ${allow.place}, is "${allow.list.join(', ')}".`)
  }
}

/** Whether `allow` has a pattern for some full name of that short name. */
export function isPossible(short: string, { allow }: Pick<Policy, 'allow'>): boolean {
  return allow.list.some((pattern) => couldEndIn(pattern, short))
}

export function refusal(name: string, reason: string, version?: string): PginstallError {
  const what = version === undefined ? `extension "${name}"` : `version "${version}" of extension "${name}"`
  return new PginstallError('insufficient_privilege', `permission denied to install ${what}`, {
    detail: reason,
    hint: 'Ask who keeps the settings of pginstall on the database machine.',
  })
}

/** Narrows candidates by pginstall.prefer: the first pattern that matches any of them. Never adds one. */
export function narrowByPreference(candidates: string[], prefer: string[]): string[] {
  for (const pattern of prefer) {
    const preferred = candidates.filter((candidate) => matchesPattern(candidate, pattern))
    if (preferred.length > 0) return preferred
  }
  return candidates
}

function grantsOf(asker: Asker, { grants }: Policy): Grant[] {
  return asker.superuser ? [] : grants.list.filter(({ role }) => asker.roles.includes(role))
}

function ungranted({ roles }: Asker, { grants }: Policy): string {
  return `No grant in ${grants.place} gives it to role "${roles[0] ?? ''}".`
}

function pinsOf(fullName: string, { pins }: Pick<Policy, 'pins'>): string[] {
  return pins.list.filter(({ pattern }) => matchesPattern(fullName, pattern)).map(({ version }) => version)
}

function matchesVersion(version: string, wanted: string[]): boolean {
  return wanted.some((pin) => (pin.endsWith('*') ? version.startsWith(pin.slice(0, -1)) : version === pin))
}

function matchesAny(fullName: string, patterns: string[]): boolean {
  return patterns.some((pattern) => matchesPattern(fullName, pattern))
}

function couldEndIn(pattern: string, short: string): boolean {
  const last = pattern.split('/').at(-1)
  return last === '**' || last === '*' || last === short
}
