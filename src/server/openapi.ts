// The routes as protocol/repository.openapi.yaml has them: paths, what is checked of a request, and who may make it.
import { readFileSync } from 'node:fs'
import type {
  FastifyInstance,
  FastifySchema,
  HTTPMethods,
  onRequestAsyncHookHandler,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
  RouteGenericInterface,
  RouteHandlerMethod,
} from 'fastify'
import { parse } from 'yaml'
import { packagePath } from '../adapters/package-root.ts'

type JsonSchema = Record<string, unknown>
type Parameter = { name: string; in: 'path' | 'query'; required?: boolean; schema: JsonSchema }
type Operation = { operationId: string; security?: Record<string, string[]>[]; parameters?: Parameter[] }
type Document = { paths: Record<string, Record<string, Operation>> }

type Route = {
  method: HTTPMethods
  /** As the router writes it: `/list/:extension/versions`. */
  url: string
  schema: FastifySchema
  /** Whether it is for the administrator only. */
  restricted: boolean
}

/** As it is written, references and all. */
export const apiDocument: unknown = parse(readFileSync(packagePath('protocol/repository.openapi.yaml'), 'utf8'))

const routes = readRoutes(resolveReferences(apiDocument, apiDocument) as Document)

type Handler<Shape extends RouteGenericInterface> = RouteHandlerMethod<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  Shape
>

/** Adds the route of one operation. What the document restricts passes `authenticate` first. */
export function addOperation<Shape extends RouteGenericInterface>(
  server: FastifyInstance,
  operationId: string,
  authenticate: onRequestAsyncHookHandler,
  handler: Handler<Shape>,
): void {
  const route = routes.get(operationId)
  if (route === undefined) throw new Error(`the OpenAPI document has no operation ${operationId}`)
  const { method, url, schema, restricted } = route
  server.route<Shape>({ method, url, schema, handler, ...(restricted ? { onRequest: authenticate } : {}) })
}

function readRoutes(document: Document): Map<string, Route> {
  const found = new Map<string, Route>()
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations))
      found.set(operation.operationId, readRoute(path, method, operation))
  }
  return found
}

function readRoute(path: string, method: string, { operationId, security, parameters = [] }: Operation): Route {
  if (security === undefined || (method !== 'get' && security.length === 0)) {
    // Nobody should be able to open a change to the world by leaving a line out.
    throw new Error(`the OpenAPI document does not say who may do ${operationId}`)
  }
  const ofPath = parameters.filter((parameter) => parameter.in === 'path')
  const ofQuery = parameters.filter((parameter) => parameter.in === 'query')
  return {
    method: method.toUpperCase() as HTTPMethods,
    url: path.replaceAll(/\{([^}]+)\}/g, ':$1'),
    schema: {
      ...(ofPath.length === 0 ? {} : { params: objectSchema(ofPath) }),
      ...(ofQuery.length === 0 ? {} : { querystring: objectSchema(ofQuery) }),
    },
    restricted: security.length > 0,
  }
}

function objectSchema(parameters: Parameter[]): JsonSchema {
  return {
    type: 'object',
    additionalProperties: false,
    required: parameters.filter(({ required }) => required).map(({ name }) => name),
    properties: Object.fromEntries(parameters.map(({ name, schema }) => [name, schema])),
  }
}

/** The document with what `$ref` points to in place of it. It refers to itself only, and in no circle. */
export function resolveReferences(node: unknown, root: unknown): unknown {
  if (Array.isArray(node)) return node.map((item) => resolveReferences(item, root))
  if (node === null || typeof node !== 'object') return node
  const { $ref } = node as { $ref?: unknown }
  if (typeof $ref === 'string') return resolveReferences(lookUp($ref, root), root)
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, resolveReferences(value, root)]))
}

function lookUp(reference: string, root: unknown): unknown {
  const found = reference
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], root)
  if (found === undefined) throw new Error(`the OpenAPI document has nothing at ${reference}`)
  return found
}
