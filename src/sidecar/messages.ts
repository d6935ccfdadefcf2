// The sidecar's side of protocol/socket.schema.json.
import schema from '../../protocol/socket.schema.json' with { type: 'json' }
import type { Present } from '../install/resolve.ts'
import { PginstallError } from '../model/errors.ts'
import type { RunningServer } from '../model/platform.ts'
import { parseJson, schemaParser } from '../model/schema.ts'

export type CreateExtensionRequest = {
  request: 'create_extension'
  server: RunningServer
  database: string
  extension: string
  version?: string
  cascade: boolean
  superuser: boolean
  roles: string[]
  installed: Present[]
  preloaded: string[]
  prefer: string[]
}

export type UpdateExtensionRequest = {
  request: 'update_extension'
  server: RunningServer
  database: string
  /** Full name. */
  extension: string
  version?: string
  /** What the database has. */
  from: string
  downgrade: boolean
  superuser: boolean
  roles: string[]
  installed: Present[]
  preloaded: string[]
}

export type LoadModuleRequest = {
  request: 'load_module'
  server: RunningServer
  /** Unique module name. */
  library: string
  version?: string
  preloaded: string[]
  wait: boolean
}

export type SearchRequest = {
  request: 'search'
  server: RunningServer
  text: string
  pattern?: string
  installable?: boolean
}
export type StatusRequest = { request: 'status'; server: RunningServer }
export type Request =
  | CreateExtensionRequest
  | UpdateExtensionRequest
  | LoadModuleRequest
  | SearchRequest
  | StatusRequest

/** The version of the protocol that this sidecar speaks. */
const protocolVersion = 1

const parsers: Record<Request['request'], (value: unknown) => Request> = {
  create_extension: schemaParser<CreateExtensionRequest>(schema, 'request', '#/definitions/create_extension'),
  update_extension: schemaParser<UpdateExtensionRequest>(schema, 'request', '#/definitions/update_extension'),
  load_module: schemaParser<LoadModuleRequest>(schema, 'request', '#/definitions/load_module'),
  search: schemaParser<SearchRequest>(schema, 'request', '#/definitions/search'),
  status: schemaParser<StatusRequest>(schema, 'request', '#/definitions/status'),
}

/** @throws PginstallError syntax_error */
export function parseRequest(line: string): Request {
  const value = parseJson(line, 'request')
  if (value === null || typeof value !== 'object')
    throw new PginstallError('syntax_error', 'malformed request: not an object')
  const { protocol, request } = value as Record<string, unknown>
  if (protocol !== protocolVersion) {
    throw new PginstallError('syntax_error', 'protocol version is not spoken here', {
      detail: `The sidecar speaks version ${protocolVersion}.`,
      hint: 'Bring the extension "pginstall" of the server and the sidecar to the same release.',
    })
  }
  if (typeof request !== 'string' || !Object.hasOwn(parsers, request)) {
    throw new PginstallError('syntax_error', `unknown request: ${JSON.stringify(request)?.slice(0, 64)}`)
  }
  return parsers[request as Request['request']](value)
}
