// Parses what comes from outside by the JSON schemas in protocol/. Behind this line a value has its type.
import { Ajv, type ValidateFunction } from 'ajv'
import { PginstallError } from './errors.ts'

// Every program pays for this when it starts. That the schemas themselves are sound is for a test to say, and a validator
// runs too seldom to be worth optimizing.
const ajv = new Ajv({
  allErrors: false,
  strict: true,
  allowUnionTypes: true,
  meta: false,
  validateSchema: false,
  code: { optimize: false },
})

/** Compiles what nobody has wanted yet. */
const waiting = new Set<() => void>()

/**
 * A parser for one schema, or for one definition in it (`#/definitions/…`), compiled when it is first wanted. `what` names
 * the document in errors.
 */
export function schemaParser<T>(schema: { $id: string }, what: string, definition = ''): (value: unknown) => T {
  if (!(schema.$id in ajv.schemas)) ajv.addSchema(schema)
  let compiled: ValidateFunction<T> | undefined
  const compile = () => {
    waiting.delete(compile)
    compiled ??= ajv.compile<T>({ $ref: `${schema.$id}${definition}` })
    return compiled
  }
  waiting.add(compile)
  return (value) => {
    const validate = compiled ?? compile()
    if (validate(value)) return value
    const fault = validate.errors?.[0]
    throw new PginstallError('syntax_error', `malformed ${what}`, {
      detail: `${fault?.instancePath || 'It'} ${fault?.message ?? 'does not fit the schema'}${names(fault?.params)}.`,
    })
  }
}

/** Compiles all parsers that are still waiting: for who will soon be asked, and has the time now. */
export function compileParsers(): void {
  for (const compile of [...waiting]) compile()
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
