#!/usr/bin/env node
// The one command, pginstall. Only this file reads argv and the environment.
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { packageVersion } from '../adapters/package-root.ts'
import { connectServiceManager } from '../adapters/service-manager.ts'
import { reportError } from '../model/errors.ts'
import { addBuildCommand } from './commands/build.ts'
import { addConfigCommand } from './commands/config.ts'
import { addServerCommand } from './commands/server.ts'
import { addSidecarCommand } from './commands/sidecar.ts'
import { addUploadCommand } from './commands/upload.ts'
import { createContext } from './context.ts'

const systemDirectory = '/etc/pginstall'
/** Status of a process that a signal ended, as shells have it: 128 and its number. */
const statusOf = { SIGINT: 130, SIGTERM: 143 } as const

function configDirectories(): string[] {
  const given = process.env.PGINSTALL_CONFIG_DIR
  if (given !== undefined && given !== '') return [given]
  const user = process.env.XDG_CONFIG_HOME || join(homedir(), '.config')
  return process.getuid?.() === 0 ? [systemDirectory] : [systemDirectory, join(user, 'pginstall')]
}

function abortOnSignals(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      process.exitCode = statusOf[name]
      controller.abort(new Error(`ended by ${name}`))
    })
  }
  return controller.signal
}

async function main(): Promise<void> {
  const program = new Command('pginstall')
    .description('Install, build and publish PostgreSQL extensions.')
    .version(packageVersion())
    .exitOverride()
    .showHelpAfterError('(add --help for the options)')
    .configureHelp({ showGlobalOptions: true })
  const context = createContext({
    configDirectories: configDirectories(),
    signal: abortOnSignals(),
    serviceManager: connectServiceManager(process.env.NOTIFY_SOCKET, process.env.WATCHDOG_USEC),
  })
  addBuildCommand(program, context)
  addConfigCommand(program, context)
  addServerCommand(program, context)
  addSidecarCommand(program, context)
  addUploadCommand(program, context)
  try {
    await program.parseAsync()
  } catch (thrown) {
    // Commander has said already what is wrong with the arguments; 0 is --help and --version.
    if (thrown instanceof CommanderError) process.exitCode = thrown.exitCode === 0 ? 0 : 2
    else if (!context.signal.aborted) fail(thrown)
  }
}

function fail(thrown: unknown): void {
  const { sqlstate, message, detail, hint } = reportError(thrown)
  const lines = [
    `pginstall: error: ${message}`,
    detail && `DETAIL: ${detail}`,
    hint && `HINT: ${hint}`,
    `SQLSTATE: ${sqlstate}`,
  ]
  process.stderr.write(lines.filter(Boolean).join('\n') + '\n')
  process.exitCode ||= 1
}

await main()
