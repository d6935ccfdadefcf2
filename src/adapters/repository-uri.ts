// Where a repository is and the way to it, from its settings alone.
import { PginstallError } from '../model/errors.ts'
import { type HttpRoute, isLoopback } from './http-client.ts'

/** The way to a repository that its settings name; the system's where they name none. */
export function routeTo({ caFile, proxy }: { caFile: string; proxy: string }): HttpRoute {
  return {
    ...(caFile === '' ? {} : { caFile }),
    ...(proxy === '' ? {} : { proxy: proxy === 'none' ? '' : proxy }),
  }
}

/**
 * A repository's URI, ended by a slash, when it may be used.
 * @throws PginstallError invalid_parameter_value
 */
export function checkUri({ name, uri, unsigned }: { name: string; uri: string; unsigned: boolean }): string {
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  const bad = (reason: string, hint: string) =>
    new PginstallError('invalid_parameter_value', `invalid URI of repository ${name}: ${reason}`, {
      detail: `It is "${uri}".`,
      hint,
    })
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw bad('no http or https URI', 'Write it as https://host/path/.')
  if (url.username !== '' || url.password !== '') throw bad('it has credentials in it', 'Take them out.')
  if (url.protocol === 'http:' && !isLoopback(url.href)) throw bad('clear text over a network', 'Use https.')
  if (unsigned && !isLoopback(url.href)) throw bad('"unsigned" over a network', 'Set its key, and unsigned to no.')
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url.href
}
