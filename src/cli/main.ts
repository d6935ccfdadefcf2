#!/usr/bin/env node
// The one command, pginstall. Only this file reads argv and the environment.
import { homedir } from 'node:os'
import { join } from 'node:path'
import { CommanderError } from 'commander'
import { connectServiceManager } from '../adapters/service-manager.ts'
import { reportError } from '../model/errors.ts'
import { createContext, formatError } from './context.ts'
import { createProgram } from './program.ts'

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

/** `pginstall search | head`: who reads has read enough, which is no error. */
function endWithReader(): void {
  process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EPIPE') throw cause
    process.exit()
  })
}

async function main(): Promise<void> {
  endWithReader()
  const context = createContext({
    configDirectories: configDirectories(),
    environment: process.env,
    signal: abortOnSignals(),
    serviceManager: connectServiceManager(process.env.NOTIFY_SOCKET, process.env.WATCHDOG_USEC),
  })
  try {
    const program = await createProgram(context, process.argv[2])
    await program.parseAsync()
  } catch (thrown) {
    // Commander has said already what is wrong with the arguments; 0 is --help and --version.
    if (thrown instanceof CommanderError) process.exitCode = thrown.exitCode === 0 ? 0 : 2
    else if (!context.signal.aborted) fail(thrown)
  }
}

function fail(thrown: unknown): void {
  process.stderr.write(formatError(reportError(thrown)) + '\n')
  process.exitCode ||= 1
}

await main()
