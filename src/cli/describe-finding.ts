// A finding as a terminal shows it.
import type { Finding } from '../model/finding.ts'
import { plain } from './table.ts'

export function describeFinding({ check, state, message, hint }: Finding): string[] {
  const indent = ' '.repeat(9)
  return [
    `${state.padEnd(indent.length)}${check}: ${message}`,
    ...(hint === undefined ? [] : [`${indent}→ ${hint}`]),
  ].map(plain)
}
