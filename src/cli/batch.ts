// Several extensions in one call, each in a transaction of its own: what one of them meets does not touch the others.
import type { DatabaseExtension } from '../adapters/database-extensions.ts'
import type { Session } from '../adapters/session.ts'
import { type ErrorReport, reportError } from '../model/errors.ts'
import { type ExtensionSpec, parseExtensionSpec } from '../model/extension-spec.ts'
import { type CliContext, formatError } from './context.ts'

/** An extension in a summary; of those that PostgreSQL has itself, `full_name` is null. */
export type Named = { name: string; version: string; full_name: string | null }

/** How it went with one of them. `extensions`: what it was about, and what was created or dropped beside it. */
export type Outcome<Done extends string> = {
  extension: string
  outcome: Done | 'failed'
  extensions: Named[]
  error?: ErrorReport
}

/**
 * Does one after the other. All names are parsed before anything is done: one that is malformed ends the command.
 * @throws PginstallError invalid_name, name_too_long; whatever `work` throws once the session is lost or we are stopped
 */
export async function runBatch<Done extends string>(
  context: CliContext,
  session: Session,
  texts: string[],
  work: (spec: ExtensionSpec) => Promise<{ outcome: Done; extensions: Named[] }>,
): Promise<Outcome<Done>[]> {
  const outcomes: Outcome<Done>[] = []
  for (const spec of texts.map(parseExtensionSpec)) {
    try {
      outcomes.push({ extension: spec.text, ...(await work(spec)) })
    } catch (thrown) {
      if (context.signal.aborted || !session.isOpen) throw thrown
      const error = reportError(thrown)
      context.progress(formatError(error))
      outcomes.push({ extension: spec.text, outcome: 'failed', extensions: [], error })
    }
  }
  return outcomes
}

/**
 * The answer: JSON, or what was done and, as apt ends, how many of each. Exit status 1 when one of them failed.
 * `order` names the outcomes as the last line counts them.
 */
export function reportBatch<Done extends string>(
  context: CliContext,
  outcomes: Outcome<Done>[],
  order: Record<Done, string>,
  json: boolean,
): void {
  const failed = outcomes.filter(({ outcome }) => outcome === 'failed').length
  if (failed > 0) context.exitStatus(1)
  if (json) {
    context.out(JSON.stringify(outcomes, null, 2))
    return
  }
  const words = { ...order, failed: 'failed' }
  for (const { outcome, extensions } of outcomes) {
    for (const extension of extensions) context.out(`${words[outcome]}: ${describeNamed(extension)}`)
  }
  const counts = [...(Object.keys(order) as Done[]), 'failed' as const].map(
    (outcome) => `${outcomes.filter((one) => one.outcome === outcome).length} ${words[outcome]}`,
  )
  context.out(counts.join(', '))
}

export function namedOf({ name, sql_version, version, full_name }: DatabaseExtension): Named {
  return { name, version: version ?? sql_version, full_name }
}

function describeNamed({ name, version, full_name }: Named): string {
  return full_name === null ? `${name} ${version}` : `${name} ${version} (${full_name})`
}
