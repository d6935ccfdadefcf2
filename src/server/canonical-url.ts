// Full names in paths: their slashes may stand as they are. The router wants the name as one segment.

/**
 * The URL with the slashes of an extension name written `%2F`. Nothing is decoded, so nothing can mean one thing here
 * and another behind the router; what is no name is refused there.
 */
export function canonicalUrl(url: string): string {
  const end = url.search(/[?#]/)
  const path = end === -1 ? url : url.slice(0, end)
  const rest = end === -1 ? '' : url.slice(end)
  const match = /^\/(list)\/(.+)\/(versions|updates)\/?$/.exec(path) ?? /^\/(get)\/(.+)\/([^/]+)\/?$/.exec(path)
  if (match === null) return url
  const [, verb, name, last] = match
  return `/${verb}/${name?.replaceAll('/', '%2F')}/${last}${rest}`
}
