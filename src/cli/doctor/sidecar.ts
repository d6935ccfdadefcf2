// doctor: whether the sidecar answers on its socket, is of this release and settings, and has the proxies of this shell.
import { packageVersion } from '../../adapters/package-root.ts'
import { findUser } from '../../adapters/privileges.ts'
import type { Settings } from '../../adapters/settings.ts'
import { askSidecarStatus, readEnvironment, type SidecarAnswer } from '../../adapters/sidecar-client.ts'
import { PginstallError } from '../../model/errors.ts'
import { error, type Finding, failure, ok, warning } from '../../model/finding.ts'

/** As libcurl reads them; http_proxy in lower case only, since CGI sets the other. */
const proxyVariables = ['http_proxy', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY', 'no_proxy', 'NO_PROXY']

export async function checkSidecar(
  settings: Settings,
  environment: Record<string, string | undefined>,
  signal: AbortSignal,
): Promise<Finding[]> {
  try {
    const answer = await askSidecarStatus(settings.socket, signal)
    return [checkAnswer(answer, settings), checkProxies(readEnvironment(answer.pid), environment)]
  } catch (thrown) {
    if (thrown instanceof PginstallError && thrown.is('insufficient_privilege')) {
      const who = `root or as "${settings.server_user}"`
      return [warning('sidecar', `${thrown.message}, so it was not looked into`, `Type this command as ${who}.`)]
    }
    // It answers, and refuses: what it cannot take, and as whom, is in its words.
    if (thrown instanceof PginstallError && thrown.is('config_file_error')) {
      return [failure('sidecar', thrown, 'Correct that file: the sidecar reads it anew for each request.')]
    }
    return [
      failure('sidecar', thrown, `Start it: systemctl start ${serviceOf(settings)}, or as root: pginstall sidecar`),
    ]
  }
}

function checkAnswer({ version, target, directory, uid }: SidecarAnswer, settings: Settings): Finding {
  const restart = `Restart it: systemctl restart ${serviceOf(settings)}, or end and start "pginstall sidecar".`
  const own = packageVersion()
  if (version !== own) return error('sidecar', `it is of release ${version}, this command of ${own}`, restart)
  if (target !== settings.target || directory !== settings.directory) {
    const text = `it serves target "${target}" in "${directory}"; the settings say "${settings.target}" in "${settings.directory}"`
    return error('sidecar', text, restart)
  }
  const user = findUser(settings.user).uid
  if (uid !== user && uid !== 0) {
    return error('sidecar', `its OS user has the number ${uid}, that of setting "user" is ${user}`, restart)
  }
  return ok('sidecar', `release ${version} serves target "${target}" on "${settings.socket}"`)
}

/** Values may hold passwords, and are never shown. */
function checkProxies(
  sidecars: Record<string, string> | undefined,
  shells: Record<string, string | undefined>,
): Finding {
  if (sidecars === undefined) {
    return warning('proxies', "the sidecar's environment may not be read", 'Type this command as root.')
  }
  const differing = proxyVariables.filter((name) => (sidecars[name] ?? '') !== (shells[name] ?? ''))
  if (differing.length > 0) {
    return warning(
      'proxies',
      `the sidecar and this shell do not have the same ${differing.join(', ')}`,
      'If the sidecar needs what this shell has: pginstall config --repository NAME proxy URI',
    )
  }
  const set = proxyVariables.filter((name) => (sidecars[name] ?? '') !== '')
  return ok('proxies', set.length === 0 ? 'none is set' : `${set.join(', ')}, as in this shell`)
}

/** As "pginstall setup" calls it. */
function serviceOf({ target }: Settings): string {
  return `pginstall-sidecar@${target}`
}
