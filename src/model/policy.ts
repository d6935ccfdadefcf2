// Local policy: which full names may be installed here, and by whom. Nothing a repository says of itself counts.
import { PginstallError } from './errors.ts'
import { type ExtensionName, matchesPattern } from './names.ts'

export type Policy = {
  /** Patterns of full names that may be installed; `deny` overrules it. */
  allow: string[]
  deny: string[]
  /** What roles that are no superusers may install. */
  grants: { role: string; extensions: string[]; trusted: boolean }[]
}

/** Who asks, as the server itself says. */
export type Asker = {
  superuser: boolean
  /** For others: every role whose privileges the role has, itself first. */
  roles: string[]
}

/** `trusted`: whether the extension is a trusted one for this asker, in PostgreSQL's sense. */
export type Verdict = { allowed: true; trusted: boolean } | { allowed: false; reason: string }

export function judge(fullName: string, asker: Asker, policy: Policy): Verdict {
  // What policy says of other names, and of whom, is told to superusers only.
  const ungranted: Verdict = { allowed: false, reason: `No grant gives it to role "${asker.roles[0] ?? ''}".` }
  const denied = policy.deny.find((pattern) => matchesPattern(fullName, pattern))
  if (denied !== undefined) {
    return asker.superuser ? { allowed: false, reason: `Setting "deny" has "${denied}".` } : ungranted
  }
  if (!policy.allow.some((pattern) => matchesPattern(fullName, pattern))) {
    return asker.superuser ? { allowed: false, reason: `Setting "allow" is "${policy.allow.join(', ')}".` } : ungranted
  }
  if (asker.superuser) return { allowed: true, trusted: false }
  const grants = policy.grants.filter(
    ({ role, extensions }) =>
      asker.roles.includes(role) && extensions.some((pattern) => matchesPattern(fullName, pattern)),
  )
  if (grants.length === 0) return ungranted
  return { allowed: true, trusted: grants.some(({ trusted }) => trusted) }
}

/**
 * Refuses what policy refuses whichever provider a short name turns out to have, so that a role without rights makes
 * nobody ask the network.
 * @throws PginstallError insufficient_privilege
 */
export function checkBeforeNetwork(name: ExtensionName, asker: Asker, policy: Policy): void {
  if (name.kind === 'full') {
    const verdict = judge(name.full, asker, policy)
    if (!verdict.allowed) throw refusal(name.full, verdict.reason)
    return
  }
  if (asker.superuser) return
  const possible = policy.grants.some(
    ({ role, extensions }) =>
      asker.roles.includes(role) && extensions.some((pattern) => couldEndIn(pattern, name.short)),
  )
  if (!possible) throw refusal(name.short, `No grant gives it to role "${asker.roles[0] ?? ''}".`)
}

export function refusal(name: string, reason: string): PginstallError {
  return new PginstallError('insufficient_privilege', `permission denied to install extension "${name}"`, {
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

function couldEndIn(pattern: string, short: string): boolean {
  const last = pattern.split('/').at(-1)
  return last === '**' || last === '*' || last === short
}
