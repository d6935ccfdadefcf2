// doctor: each repository's settings, key and freshness, and this machine's clock by theirs.
import { createHttpClient, type HttpClient } from '../../adapters/http-client.ts'
import { type RepositorySettings, readRepositories } from '../../adapters/repository-settings.ts'
import { checkUri, routeTo } from '../../adapters/repository-uri.ts'
import type { Settings } from '../../adapters/settings.ts'
import { PginstallError } from '../../model/errors.ts'
import { error, type Finding, failure, ok, warning } from '../../model/finding.ts'
import { indexTimeLimitMs, maxTopIndexBytes, parseTopIndex, topIndexPath } from '../../model/index.ts'
import { openIndex, openUnsignedIndex } from '../../model/signature.ts'
import { count } from '../table.ts'

/** A clock that is off by more than this is wrong, whoever's it is. */
const maxSkewMs = 5 * 60_000

export async function checkRepositories(
  directories: string[],
  settings: Settings,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { repositories: names } = settings
  if (names.length === 0) {
    const hint = 'Name one: pginstall config repositories NAME; pginstall config --repository NAME uri URI; … key KEY'
    return [warning('repositories', 'none is configured', hint)]
  }
  const limits = { connectTimeoutMs: settings.connect_timeout, stallTimeoutMs: settings.stall_timeout }
  const findings: Finding[] = []
  for (const name of names) {
    try {
      const [repository] = readRepositories(directories, [name])
      if (repository === undefined) continue
      findings.push(...(await checkRepository(repository, createHttpClient(limits, routeTo(repository)), signal)))
    } catch (thrown) {
      signal.throwIfAborted()
      findings.push(failure(`repository ${name}`, thrown, hintFor(name, thrown)))
    }
  }
  return findings
}

function hintFor(name: string, thrown: unknown): string {
  // It was reached: what came from it is not to be believed.
  if (thrown instanceof PginstallError && thrown.is('verification_failed')) {
    return `Compare "key" in repositories/${name}.conf with what "pginstall server status" shows on its machine. If those differ for a good reason: pginstall config --repository ${name} key KEY`
  }
  return 'Is it up, and does this machine reach it, by a proxy if it needs one? "pginstall config --repository" sets its uri, key, proxy and ca_file.'
}

async function checkRepository(
  settings: RepositorySettings,
  http: HttpClient,
  signal: AbortSignal,
): Promise<Finding[]> {
  const check = `repository ${settings.name}`
  const uri = checkUri(settings)
  const { text, date } = await http.get(new URL(topIndexPath, uri).href, {
    maxBytes: maxTopIndexBytes,
    totalTimeoutMs: indexTimeLimitMs,
    signal,
  })
  const index = parseTopIndex(settings.unsigned ? openUnsignedIndex(text) : openIndex(text, settings.keys))
  return [checkIndex(check, uri, index, settings.unsigned), ...checkClock(settings.name, date)]
}

function checkIndex(
  check: string,
  uri: string,
  { version, expires, names }: { version: number; expires: string; names: Record<string, string> },
  unsigned: boolean,
): Finding {
  if (Date.parse(expires) <= Date.now()) {
    return error(check, `its index has expired at ${expires}`, "Check this machine's clock, then ask who runs it.")
  }
  const text = `${uri}, index ${version} with ${count(Object.keys(names).length, 'name')}, good until ${expires}`
  if (!unsigned) return ok(check, `${text}, signed by the key that is pinned`)
  return warning(check, `${text}, unsigned`, 'Pin its key, and set unsigned to no.')
}

function checkClock(name: string, date: string | undefined): Finding[] {
  const theirs = Date.parse(date ?? '')
  if (Number.isNaN(theirs)) return []
  const skewMs = Date.now() - theirs
  if (Math.abs(skewMs) <= maxSkewMs) return [ok('clock', `agrees with that of repository ${name}`)]
  const minutes = Math.round(Math.abs(skewMs) / 60_000)
  const text = `it is ${count(minutes, 'minute')} ${skewMs > 0 ? 'ahead of' : 'behind'} that of repository ${name}`
  return [error('clock', text, 'Set it by the network: timedatectl set-ntp true')]
}
