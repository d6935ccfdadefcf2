// What a client sees of a failure: a problem document (RFC 9457), in the one error shape.
import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import sqlstates from '../../protocol/sqlstates.json' with { type: 'json' }
import { type Condition, type ErrorReport, PginstallError, reportError } from '../model/errors.ts'
import { AmbiguousExtensionError } from '../repository/find-extension.ts'

export type Problem = {
  /** Identifies the kind of problem; nothing need be there. */
  type: string
  title: string
  status: number
  sqlstate: string
  detail?: string
  hint?: string
  candidates?: string[]
}

/** An error of HTTP itself, which has a status of its own. */
export class RequestError extends PginstallError {
  readonly statusCode: number

  constructor(statusCode: number, ...rest: ConstructorParameters<typeof PginstallError>) {
    super(...rest)
    this.statusCode = statusCode
  }
}

const typeBase = 'https://pginstall.org/sqlstate/'

const statuses: Record<Condition, number> = {
  query_canceled: 503,
  undefined_extension: 404,
  invalid_name: 400,
  name_too_long: 400,
  invalid_parameter_value: 400,
  insufficient_privilege: 403,
  duplicate_object: 409,
  dependent_objects_still_exist: 409,
  object_in_use: 409,
  object_not_in_prerequisite_state: 409,
  config_file_error: 422,
  syntax_error: 400,
  system_error: 500,
  io_error: 503,
  disk_full: 507,
  undefined_file: 404,
  program_limit_exceeded: 413,
  internal_error: 500,
  // Not 300: what follows redirects, or fails on errors only, would take the document for the archive.
  ambiguous_extension: 409,
  no_suitable_archive: 404,
  verification_failed: 422,
  build_failed: 422,
}
const statusBySqlstate = new Map(
  (Object.keys(statuses) as Condition[]).map((name) => [sqlstates[name].sqlstate, statuses[name]]),
)

export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toProblem(error)
  // Whoever was refused must not go on sending: node would read it all, to throw it away.
  if (hasBody(request) && !request.raw.complete) reply.header('connection', 'close')
  if (problem.status >= 500) request.log.error({ err: error }, problem.title)
  return reply
    .code(problem.status)
    .removeHeader('etag')
    .headers({ 'cache-control': 'no-store', 'content-type': 'application/problem+json' })
    .serializer(JSON.stringify)
    .send(problem)
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

export function notFound(url: string): PginstallError {
  return new PginstallError('undefined_file', 'there is nothing at this URL', {
    detail: `The path is ${JSON.stringify(url.split('?')[0]?.slice(0, 200))}.`,
    hint: 'What there is, is described at /openapi.json.',
  })
}

function toProblem(error: unknown): Problem {
  const report = error instanceof PginstallError ? reportError(error) : reportForeign(error as Partial<FastifyError>)
  const status = statusOf(report, error)
  const { sqlstate, message: title, ...more } = report
  const candidates = error instanceof AmbiguousExtensionError ? { candidates: error.candidates } : {}
  return { type: typeBase + sqlstate, title, status, sqlstate, ...more, ...candidates }
}

function statusOf({ sqlstate }: ErrorReport, error: unknown): number {
  const { statusCode } = error as Partial<FastifyError>
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return statusCode
  return statusBySqlstate.get(sqlstate) ?? 500
}

/** The framework's own refusals. Anything else is a bug, of which the log knows more than the client. */
function reportForeign({ statusCode, validation, validationContext, code }: Partial<FastifyError>): ErrorReport {
  if (validation !== undefined) {
    const where = validationContext === 'querystring' ? 'parameter' : 'path element'
    const fault = validation[0]
    const unknown = fault?.params.additionalProperty
    const name = typeof unknown === 'string' ? unknown : (fault?.instancePath.slice(1) ?? '')
    return {
      sqlstate: sqlstates.invalid_parameter_value.sqlstate,
      message: `invalid ${where} "${name}"`,
      detail:
        typeof unknown === 'string' ? 'There is no such parameter.' : `It ${fault?.message ?? 'is not as described'}.`,
      hint: 'What is expected is described at /openapi.json.',
    }
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    // Their own words repeat what was sent, however long.
    const { sqlstate } = statusCode === 413 ? sqlstates.program_limit_exceeded : sqlstates.syntax_error
    const reason = STATUS_CODES[statusCode]?.toLowerCase() ?? `status ${statusCode}`
    const detail = code === 'FST_ERR_BAD_URL' ? { detail: 'The path is not properly escaped.' } : {}
    return { sqlstate, message: `could not understand the request: ${reason}`, ...detail }
  }
  return {
    sqlstate: sqlstates.internal_error.sqlstate,
    message: 'unexpected failure',
    detail: "The server's log says more.",
  }
}
