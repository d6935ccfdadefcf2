// The sidecar's systemd units: a template, of which each target has an instance, and one over all instances.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { renderUnit, type ServiceOptions, serviceValues, systemctl, type Unit } from './systemd.ts'

export type UnitOptions = ServiceOptions & {
  /** Where sidecars keep what they place. */
  directory: string
  socketDirectory: string
}

const template = 'pginstall-sidecar@.service'
/** The unit over all instances. */
const umbrella = 'pginstall-sidecar.service'
export const unitFiles = [umbrella, template]

/** The units as they are to be. */
export function renderUnits(options: UnitOptions): Unit[] {
  const { unitDirectory, directory, socketDirectory } = options
  const values = serviceValues(options, 'sidecar --target %i', [directory, `-${socketDirectory}`])
  return [renderUnit(umbrella, unitDirectory, {}), renderUnit(template, unitDirectory, values)]
}

/** Whether there are units that systemd can be asked to stop. */
export function hasTemplate(unitDirectory: string): boolean {
  return existsSync(join(unitDirectory, template))
}

export function hasUmbrella(unitDirectory: string): boolean {
  return existsSync(join(unitDirectory, umbrella))
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

export function instance(target: string): string {
  return `pginstall-sidecar@${target}.service`
}
