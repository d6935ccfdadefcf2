// What doctor and prepare-upgrade find: one line for each thing looked at, and what to type where something is wrong.
import { reportError } from './errors.ts'

export type Finding = {
  /** What was looked at: `sidecar`, `disk`. */
  check: string
  state: 'ok' | 'warning' | 'error'
  message: string
  /** What to type or do. */
  hint?: string
}

export function ok(check: string, message: string): Finding {
  return { check, state: 'ok', message }
}

export function warning(check: string, message: string, hint: string): Finding {
  return { check, state: 'warning', message, hint }
}

export function error(check: string, message: string, hint: string): Finding {
  return { check, state: 'error', message, hint }
}

/** A thrown error as a finding, with its own hint where it has one. */
export function failure(check: string, thrown: unknown, otherwise: string): Finding {
  const { message, detail, hint } = reportError(thrown)
  return error(check, detail === undefined ? message : `${message}: ${detail}`, hint ?? otherwise)
}
