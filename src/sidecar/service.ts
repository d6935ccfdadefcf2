// What one request is served with.
import type { LocalMachine } from '../adapters/machine.ts'
import type { RepositoryClient } from '../adapters/repository-client.ts'
import type { Place } from '../install/install.ts'
import type { Warning } from '../model/errors.ts'
import type { Policy } from '../model/policy.ts'

/** The cluster that is served, and the settings as they are now. */
export type Service = {
  /** Of the target. */
  name: string
  /** Where store, extension roots and module links are. */
  directory: string
  place: Place
  machine: LocalMachine
  repositories: RepositoryClient[]
  policy: Policy
}

/** The way back to whoever asked. */
export type Reply = {
  notify(message: string): void
  /** What whoever asked must not overlook. */
  warn(warning: Warning): void
  /** Aborted when nobody waits any more. */
  signal: AbortSignal
}
