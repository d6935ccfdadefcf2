// The one error shape of every program: what happened, why, and what to type next.
import sqlstates from '../../protocol/sqlstates.json' with { type: 'json' }

/** Names of the SQLSTATEs in protocol/sqlstates.json. */
export type Condition = keyof typeof sqlstates

export type ErrorReport = {
  /** Five characters, PostgreSQL appendix A or our own class PI. */
  sqlstate: string
  /** Lower case, no full stop. */
  message: string
  /** Sentences. */
  detail?: string
  /** Sentences; only what the user can do. */
  hint?: string
}

/** What is no error, and yet wants something to be done. */
export type Warning = Omit<ErrorReport, 'sqlstate'>

/** Of each part of an error; even where all of them want an escape, a message of protocol/ holds the three. */
const maxCharacters = 16_384

export class PginstallError extends Error {
  readonly sqlstate: string
  readonly detail: string | undefined
  readonly hint: string | undefined

  constructor(condition: Condition, message: string, more: { detail?: string; hint?: string; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? {} : { cause: more.cause })
    this.name = 'PginstallError'
    this.sqlstate = sqlstates[condition].sqlstate
    this.detail = more.detail
    this.hint = more.hint
  }

  is(condition: Condition): boolean {
    return this.sqlstate === sqlstates[condition].sqlstate
  }
}

/** An error that somebody's PostgreSQL server raised, with its SQLSTATE whatever that is. */
export class ServerError extends PginstallError {
  override readonly sqlstate: string

  constructor({ sqlstate, message, detail, hint }: ErrorReport) {
    super('internal_error', message, {
      ...(detail === undefined ? {} : { detail }),
      ...(hint === undefined ? {} : { hint }),
    })
    this.name = 'ServerError'
    this.sqlstate = sqlstate
  }
}

/** What a wire or a terminal shows of any thrown value. An error that is not ours is a bug, and is reported as one. */
export function reportError(thrown: unknown): ErrorReport {
  if (!(thrown instanceof PginstallError)) {
    const message = printable(`unexpected failure: ${describeCause(thrown)}`)
    return { sqlstate: sqlstates.internal_error.sqlstate, message }
  }
  const report: ErrorReport = { sqlstate: thrown.sqlstate, message: printable(thrown.message) }
  if (thrown.detail !== undefined) report.detail = printable(thrown.detail)
  if (thrown.hint !== undefined) report.hint = printable(thrown.hint)
  return report
}

/**
 * Words of servers, programs and archives stand in our errors: they must not move a terminal's cursor or turn its text
 * around, and PostgreSQL takes neither NUL nor half a character. A repository may have ten thousand providers of a name to
 * list; a message has its limit.
 */
function printable(text: string): string {
  const cut = text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text
  return cut.toWellFormed().replace(/(?![\n\t])[\p{Cc}\p{Bidi_Control}]/gu, '\ufffd')
}

/** The words of a caught value, for the end of a `could not …: reason` message. */
export function describeCause(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** The inverse of reportError, for a report that another program sent. An unknown SQLSTATE becomes internal_error. */
export function errorFromReport(report: ErrorReport): PginstallError {
  const condition = (Object.keys(sqlstates) as Condition[]).find((name) => sqlstates[name].sqlstate === report.sqlstate)
  const { detail, hint } = report
  return new PginstallError(condition ?? 'internal_error', report.message, {
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
  })
}
