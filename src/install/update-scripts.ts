// The scripts of an update. The archive of the version that is wanted has them all as a rule; where its author ships
// each step with its own version only, those of the versions on the way are joined to it.
import { PginstallError } from '../model/errors.ts'
import { hasUpdatePath, updateSteps } from '../model/update-path.ts'
import { compareVersions } from '../model/version-order.ts'
import type { Resolved } from './resolve.ts'
import type { StoredArchive } from './store.ts'

/**
 * The archives whose scripts complete the way, in the order in which their files count; none when the wanted one has
 * all. Of a file that several have, the wanted version's bytes win, then those of the first that was joined. `others` are
 * the provider's other versions; each that is taken is verified as any archive.
 * @throws PginstallError invalid_parameter_value when no scripts lead there; whatever `take` throws
 */
export async function joinScripts(
  wanted: StoredArchive,
  from: string,
  others: () => Promise<Resolved[]>,
  take: (resolved: Resolved) => Promise<StoredArchive>,
): Promise<StoredArchive[]> {
  const { name, sqlVersion: version, manifest } = wanted
  const steps = updateSteps(manifest.files, name)
  const joined: StoredArchive[] = []
  let left: Resolved[] | undefined
  while (!hasUpdatePath(steps, from, version)) {
    left ??= likelyFirst(await others(), from, version)
    const next = left.shift()
    if (next === undefined) throw wanted.missing ?? noWay(wanted, from, joined)
    const archive = await take(next)
    joined.push(archive)
    steps.push(...updateSteps(archive.manifest.files, name))
  }
  return joined
}

/** Those on the way, from its end, since a version brings the scripts that lead to it; then those beyond, nearest first. */
function likelyFirst(others: Resolved[], from: string, to: string): Resolved[] {
  const [low = from, high = to] = [from, to].toSorted(compareVersions)
  const onTheWay = others.filter(({ version }) => isBetween(version, low, high))
  const beyond = others.filter(({ version }) => compareVersions(version, high) > 0)
  return [
    ...onTheWay.toSorted((a, b) => compareVersions(b.version, a.version)),
    ...beyond.toSorted((a, b) => compareVersions(a.version, b.version)),
  ]
}

function isBetween(version: string, low: string, high: string): boolean {
  return compareVersions(version, low) >= 0 && compareVersions(version, high) <= 0
}

function noWay({ name, version: to }: StoredArchive, from: string, joined: StoredArchive[]): PginstallError {
  const looked = [to, ...joined.map(({ version }) => version)].join(', ')
  return new PginstallError(
    'invalid_parameter_value',
    `extension "${name}" has no update path from version "${from}" to version "${to}"`,
    {
      detail: `The archives of these versions have no scripts that lead there: ${looked}.`,
      hint: 'Update to a version in between first, or drop the extension and create it anew: what depends on it goes with it.',
    },
  )
}
