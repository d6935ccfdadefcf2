// Waiting for processes and what they do.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const pollMs = 20
export const patienceMs = 20_000

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const limit = AbortSignal.timeout(patienceMs)
  while (!(await condition())) await delay(pollMs, undefined, { signal: limit })
}

/** Process id of the private cluster of a server. */
export function postmasterOf(dataDirectory: string): number {
  return Number(readFileSync(join(dataDirectory, 'postgresql', 'data', 'postmaster.pid'), 'utf8').split('\n')[0])
}

/** A zombie that nobody reaps has ended too. */
export function hasEnded(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return true
  }
}
