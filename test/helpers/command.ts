// The command `pginstall` as users run it: the compiled program, with settings of its own.
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { packagePath } from '../../src/adapters/package-root.ts'

const program = packagePath('dist/src/cli/main.js')

export type Outcome = { status: number; stdout: string; stderr: string }

export function runPginstall(
  configDirectory: string,
  args: string[],
  timeoutMs = 120_000,
  environment: Record<string, string> = {},
): Outcome {
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [program, ...args], {
    env: { ...process.env, PGINSTALL_CONFIG_DIR: configDirectory, ...environment },
    encoding: 'utf8',
    timeout: timeoutMs,
  })
  if (error !== undefined) throw error
  return { status: status ?? 1, stdout, stderr }
}

/** A command that had to succeed and did not; what it said is what a person wants to see of it. */
export class CommandFailure extends Error {
  readonly stderr: string

  constructor(args: string[], status: number, stderr: string) {
    super(`pginstall ${args.join(' ')} failed with status ${status}:\n${stderr}`)
    this.stderr = stderr
  }
}

/** The same, for what must succeed; its standard output. */
export function pginstall(configDirectory: string, ...args: string[]): string {
  const { status, stdout, stderr } = runPginstall(configDirectory, args)
  if (status !== 0) throw new CommandFailure(args, status, stderr)
  return stdout
}

export type Daemon = { pid: number; log(): string; stop(signal?: NodeJS.Signals): Promise<number | null> }

const startTimeoutMs = 30_000

/**
 * A command that runs until it is stopped, whatever becomes of us; its log goes to a file. Resolves once it has said
 * `ready`.
 */
export async function startPginstall(
  configDirectory: string,
  args: string[],
  { ready, logFile, env = {} }: { ready: string; logFile: string; env?: Record<string, string> },
): Promise<Daemon> {
  const output = openSync(logFile, 'w')
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, PGINSTALL_CONFIG_DIR: configDirectory, ...env },
    stdio: ['ignore', output, output],
    detached: true,
  })
  closeSync(output)
  child.unref()
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const log = () => readFileSync(logFile, 'utf8')
  const deadline = Date.now() + startTimeoutMs
  while (!log().includes(ready)) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`pginstall ${args.join(' ')} did not start:\n${log()}`)
    }
    await delay(20)
  }
  return {
    pid: child.pid as number,
    log,
    stop(signal = 'SIGTERM') {
      child.ref()
      child.kill(signal)
      return ended
    },
  }
}

/** Writes one settings file: its name without .conf below the directory, and what is in it. */
export function writeSettings(configDirectory: string, name: string, settings: Record<string, string>): void {
  const file = join(configDirectory, `${name}.conf`)
  mkdirSync(dirname(file), { recursive: true })
  const lines = Object.entries(settings).map(([key, value]) => `${key} = '${value.replaceAll("'", "''")}'\n`)
  writeFileSync(file, lines.join(''))
}
