// Parses what comes from outside by the JSON schemas in protocol/. Behind this line a value has its type.
import { Ajv } from 'ajv'
import { PginstallError } from './errors.ts'

const ajv = new Ajv({ allErrors: false, strict: true, allowUnionTypes: true })

/** A parser for one schema, or for one definition in it (`#/definitions/…`). `what` names the document in errors. */
export function schemaParser<T>(schema: { $id: string }, what: string, definition = ''): (value: unknown) => T {
  if (ajv.getSchema(schema.$id) === undefined) ajv.addSchema(schema)
  const validate = ajv.compile<T>({ $ref: `${schema.$id}${definition}` })
  return (value) => {
    if (validate(value)) return value
    const fault = validate.errors?.[0]
    throw new PginstallError('syntax_error', `malformed ${what}`, {
      detail: `${fault?.instancePath || 'It'} ${fault?.message ?? 'does not fit the schema'}${names(fault?.params)}.`,
    })
  }
}

/** Parses JSON text of a bounded size. */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new PginstallError('syntax_error', `malformed ${what}: not JSON`, { cause })
  }
}

function names(params: Record<string, unknown> | undefined): string {
  const property = params?.additionalProperty
  return typeof property === 'string' ? ` ("${property}")` : ''
}
