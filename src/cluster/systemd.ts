// systemd, for all services of ours: units as packaging/systemd has them with what differs on this machine, and systemctl.
import { existsSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from '../adapters/files.ts'
import { packagePath } from '../adapters/package-root.ts'
import { runProcess } from '../adapters/process.ts'
import { PginstallError } from '../model/errors.ts'
import { planLeftovers } from './leftovers.ts'
import type { Step } from './plan.ts'

/** What differs from machine to machine, of every service. */
export type ServiceOptions = {
  /** Where units go. */
  unitDirectory: string
  /** Program and first arguments of the command pginstall. */
  program: string[]
  user: string
  configDirectory: string
}

export type Unit = { path: string; text: string }

const systemUnitDirectory = '/etc/systemd/system'
/** Longer than any unit of ours may take to start. */
const timeoutMs = 400_000

/** The packaged unit of this name with other values for keys that it has, once each; without any, as it is. */
export function renderUnit(file: string, unitDirectory: string, values: Record<string, string>): Unit {
  let text = readFileSync(packagePath(join('packaging/systemd', file)), 'utf8')
  for (const [key, value] of Object.entries(values)) {
    const line = new RegExp(`^${key}=.*$`, 'm')
    if (!line.test(text)) throw new PginstallError('internal_error', `the packaged unit has no ${key}`)
    text = text.replace(line, () => `${key}=${value}`)
  }
  return { path: join(unitDirectory, file), text }
}

/** Of a service whose command line goes on with `args`, and which writes below these paths alone. */
export function serviceValues(options: ServiceOptions, args: string, writable: string[]): Record<string, string> {
  return {
    User: options.user,
    Group: options.user,
    Environment: `"PGINSTALL_CONFIG_DIR=${escapeSpecifiers(options.configDirectory)}"`,
    ExecStart: `${options.program.map(quote).join(' ')} ${args}`,
    ReadWritePaths: writable.map((path) => `"${escapeSpecifiers(path)}"`).join(' '),
  }
}

export function changedUnits(units: Unit[]): Unit[] {
  return units.filter(({ path, text }) => !existsSync(path) || readFileSync(path, 'utf8') !== text)
}

export function planUnits(units: Unit[]): Step[] {
  return units.map(({ path, text }) => ({ what: `install ${path}`, run: () => replaceFile(path, text) }))
}

/** Steps that take away those of these units that are there, and what an interrupted run has left beside them. */
export function planUnitRemoval(units: string[], unitDirectory: string, signal: AbortSignal): Step[] {
  const installed = units.map((file) => join(unitDirectory, file)).filter(existsSync)
  const steps: Step[] = [
    ...planUnitLeftovers(units, unitDirectory),
    ...installed.map((path) => ({ what: `remove ${path}`, run: () => rm(path, { force: true }) })),
  ]
  if (installed.length > 0 && isManaged(unitDirectory)) {
    steps.push({ what: 'systemctl daemon-reload', run: () => systemctl(['daemon-reload'], signal) })
  }
  return steps
}

export function planUnitLeftovers(units: string[], unitDirectory: string): Step[] {
  return planLeftovers([unitDirectory], (file) => units.includes(file))
}

/** sd_booted(3), for the units that systemd itself reads. */
export function isManaged(unitDirectory: string): boolean {
  return unitDirectory === systemUnitDirectory && existsSync('/run/systemd/system')
}

/** Whether it runs, and will after the next boot. */
export async function isServing(unit: string, signal: AbortSignal): Promise<boolean> {
  return (await succeeds(['is-enabled', unit], signal)) && succeeds(['is-active', unit], signal)
}

export async function systemctl(args: string[], signal: AbortSignal): Promise<void> {
  await runProcess('systemctl', ['--quiet', '--no-ask-password', ...args], { signal, timeoutMs })
}

/** That the sandbox of a service keeps it from reading what it needs, if it does. */
export function remarkOnProgram({ program }: ServiceOptions): string[] {
  const hidden = program.find((path) => /^\/(home|root|run\/user)\//.test(path))
  if (hidden === undefined) return []
  return [
    `the service cannot see ${hidden}: install pginstall and Node.js outside of home directories, and type the same again`,
  ]
}

async function succeeds(args: string[], signal: AbortSignal): Promise<boolean> {
  try {
    await systemctl(args, signal)
    return true
  } catch {
    signal.throwIfAborted()
    return false
  }
}

function escapeSpecifiers(text: string): string {
  return text.replaceAll('%', '%%')
}

/** systemd.service(5), "Command lines". */
function quote(argument: string): string {
  const escaped = escapeSpecifiers(argument).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('$', '$$$$')
  return /^[A-Za-z0-9_/.@%+-]+$/.test(escaped) ? escaped : `"${escaped}"`
}
