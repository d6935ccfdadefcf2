// What every command is handed: settings, output and the signal that ends it.
import type { ServiceManager } from '../adapters/service-manager.ts'
import { readSettings, type Settings } from '../adapters/settings.ts'
import type { ErrorReport } from '../model/errors.ts'

export type CliContext = {
  /** Where settings are read from; later ones win. The last is where `pginstall config` writes. */
  configDirectories: string[]
  /** What the shell has set. */
  environment: Record<string, string | undefined>
  /** @throws PginstallError config_file_error */
  settings(): Settings
  /** A line of the answer, to standard output. */
  out(line: string): void
  /** A line about what is going on, to standard error. */
  progress(line: string): void
  /** Aborted by SIGINT and SIGTERM. */
  signal: AbortSignal
  /** Makes the process end with this status, once the command is through. */
  exitStatus(status: number): void
  /** Who started us, when it wants to hear of us. */
  serviceManager: ServiceManager
}

export function createContext(options: {
  configDirectories: string[]
  environment: Record<string, string | undefined>
  signal: AbortSignal
  serviceManager: ServiceManager
}): CliContext {
  return {
    configDirectories: options.configDirectories,
    environment: options.environment,
    settings: () => readSettings(options.configDirectories),
    out: (line) => process.stdout.write(line + '\n'),
    progress: (line) => process.stderr.write(line + '\n'),
    signal: options.signal,
    serviceManager: options.serviceManager,
    exitStatus: (status) => {
      process.exitCode = status
    },
  }
}

/** An error as a terminal shows it, with what PostgreSQL's own programs say of one. */
export function formatError({ sqlstate, message, detail, hint }: ErrorReport): string {
  const lines = [
    `pginstall: error: ${message}`,
    detail && `DETAIL: ${detail}`,
    hint && `HINT: ${hint}`,
    `SQLSTATE: ${sqlstate}`,
  ]
  return lines.filter(Boolean).join('\n')
}
