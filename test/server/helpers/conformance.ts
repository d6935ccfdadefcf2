// Whether an answer is one that protocol/repository.openapi.yaml describes.
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { canonicalUrl } from '../../../src/server/canonical-url.ts'
import { apiDocument, resolveReferences } from '../../../src/server/openapi.ts'
import type { Answer } from './request.ts'

type Content = Record<string, { schema?: object }>
type Operation = { responses: Record<string, { content?: Content; headers?: Record<string, unknown> }> }

const document = resolveReferences(apiDocument, apiDocument) as { paths: Record<string, Record<string, Operation>> }
const ajv = addFormats.default(new Ajv2020({ strict: true, allowUnionTypes: true }))

/** What is wrong with an answer; undefined when it is as described. */
export function nonconformity(method: string, url: string, answer: Answer): string | undefined {
  const operation = findOperation(method === 'HEAD' ? 'get' : method.toLowerCase(), url)
  // Where there is no operation, there can only be a problem.
  const responses = operation?.responses ?? { default: { content: { 'application/problem+json': {} } } }
  const described = responses[answer.status] ?? (answer.status >= 400 ? responses.default : undefined)
  if (described === undefined) return `status ${answer.status} is not described`
  for (const name of Object.keys(described.headers ?? {})) {
    if (answer.headers[name.toLowerCase()] === undefined) return `header ${name} is missing`
  }
  if (method === 'HEAD') return undefined
  if (described.content === undefined) return answer.body.length === 0 ? undefined : 'there is a body'
  return contentFault(described.content, answer)
}

function contentFault(content: Content, answer: Answer): string | undefined {
  const type = answer.headers['content-type']?.split(';')[0] ?? ''
  const described = content[type]
  if (described === undefined) return `type ${type} is not described`
  if (described.schema === undefined) return undefined
  return ajv.validate(described.schema, answer.json()) ? undefined : ajv.errorsText()
}

function findOperation(method: string, url: string): Operation | undefined {
  const path = (canonicalUrl(url).split('?')[0] as string).replace(/(.)\/$/, '$1')
  // What has no variables comes first, as in the router.
  const templates = Object.keys(document.paths).sort((a, b) => Number(a.includes('{')) - Number(b.includes('{')))
  const template = templates.find((candidate) => {
    const pattern = candidate
      .replace(/\/$/, '')
      .replaceAll('.', '\\.')
      .replaceAll(/\{[^}]+\}/g, '[^/]+')
    return new RegExp(`^${pattern}$`).test(path) && document.paths[candidate]?.[method] !== undefined
  })
  return template === undefined ? undefined : document.paths[template]?.[method]
}
