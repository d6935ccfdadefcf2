// The sidecar's systemd units: those of packaging/systemd with what differs on this machine, and systemctl where
// systemd runs.
import { existsSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from '../adapters/files.ts'
import { packagePath } from '../adapters/package-root.ts'
import { runProcess } from '../adapters/process.ts'
import { PginstallError } from '../model/errors.ts'
import { planLeftovers } from './leftovers.ts'
import type { Step } from './plan.ts'

export type UnitOptions = {
  /** Where units go. */
  unitDirectory: string
  /** Program and first arguments of the command pginstall. */
  program: string[]
  user: string
  /** Where sidecars keep what they place. */
  directory: string
  socketDirectory: string
  configDirectory: string
}

const template = 'pginstall-sidecar@.service'
/** The unit over all instances. */
const umbrella = 'pginstall-sidecar.service'
const unitFiles = [umbrella, template]
const systemUnitDirectory = '/etc/systemd/system'
const timeoutMs = 120_000

/** Paths and contents of the units as they are to be. */
export function renderUnits(options: UnitOptions): { path: string; text: string }[] {
  return unitFiles.map((file) => {
    const packaged = readFileSync(packagePath(join('packaging/systemd', file)), 'utf8')
    const text = file === template ? withValues(packaged, valuesOf(options)) : packaged
    return { path: join(options.unitDirectory, file), text }
  })
}

export function changedUnits(options: UnitOptions): { path: string; text: string }[] {
  return renderUnits(options).filter(({ path, text }) => !existsSync(path) || readFileSync(path, 'utf8') !== text)
}

export function installedUnits(unitDirectory: string): string[] {
  return unitFiles.map((file) => join(unitDirectory, file)).filter(existsSync)
}

/** Whether there are units that systemd can be asked to stop. */
export function hasTemplate(unitDirectory: string): boolean {
  return existsSync(join(unitDirectory, template))
}

export function hasUmbrella(unitDirectory: string): boolean {
  return existsSync(join(unitDirectory, umbrella))
}

/** Steps that remove what an interrupted run has left beside them. */
export function planUnitLeftovers(unitDirectory: string): Step[] {
  return planLeftovers([unitDirectory], (file) => unitFiles.includes(file))
}

export async function placeUnit({ path, text }: { path: string; text: string }): Promise<void> {
  await replaceFile(path, text)
}

export async function removeUnit(path: string): Promise<void> {
  await rm(path, { force: true })
}

/** sd_booted(3), for the units that systemd itself reads. */
export function isManaged(unitDirectory: string): boolean {
  return unitDirectory === systemUnitDirectory && existsSync('/run/systemd/system')
}

export async function isServing(target: string, signal: AbortSignal): Promise<boolean> {
  return (await succeeds(['is-enabled', instance(target)], signal)) && succeeds(['is-active', instance(target)], signal)
}

export async function startService(target: string, signal: AbortSignal): Promise<void> {
  await systemctl(['daemon-reload'], signal)
  // Only while it is active does it pass on what is done to it.
  await systemctl(['enable', '--now', umbrella], signal)
  await systemctl(['enable', instance(target)], signal)
  // Also when it runs: with what it was before.
  await systemctl(['restart', instance(target)], signal)
}

export async function stopService(target: string, signal: AbortSignal): Promise<void> {
  await systemctl(['disable', '--now', instance(target)], signal)
}

export async function stopUmbrella(signal: AbortSignal): Promise<void> {
  await systemctl(['disable', '--now', umbrella], signal)
}

export function reloadUnits(signal: AbortSignal): Promise<void> {
  return systemctl(['daemon-reload'], signal)
}

function instance(target: string): string {
  return `pginstall-sidecar@${target}.service`
}

async function systemctl(args: string[], signal: AbortSignal): Promise<void> {
  await runProcess('systemctl', ['--quiet', '--no-ask-password', ...args], { signal, timeoutMs })
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

function valuesOf(options: UnitOptions): Record<string, string> {
  return {
    User: options.user,
    Group: options.user,
    Environment: `"PGINSTALL_CONFIG_DIR=${escapeSpecifiers(options.configDirectory)}"`,
    ExecStart: `${options.program.map(quote).join(' ')} sidecar --target %i`,
    ReadWritePaths: [options.directory, `-${options.socketDirectory}`].map(escapeSpecifiers).join(' '),
  }
}

/** Replaces the value of keys that the unit has, once each. */
function withValues(unit: string, values: Record<string, string>): string {
  let text = unit
  for (const [key, value] of Object.entries(values)) {
    const line = new RegExp(`^${key}=.*$`, 'm')
    if (!line.test(text)) throw new PginstallError('internal_error', `the packaged unit has no ${key}`)
    text = text.replace(line, () => `${key}=${value}`)
  }
  return text
}

function escapeSpecifiers(text: string): string {
  return text.replaceAll('%', '%%')
}

/** systemd.service(5), "Command lines". */
function quote(argument: string): string {
  const escaped = escapeSpecifiers(argument).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('$', '$$$$')
  return /^[A-Za-z0-9_/.@%+-]+$/.test(escaped) ? escaped : `"${escaped}"`
}
