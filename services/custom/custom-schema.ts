import { Ajv, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import { remembered } from '../../domain/kernel/remembered.ts'
import { linearRegExp } from '../kernel/linear-regexp.ts'
import { problem } from '../kernel/problem.ts'

type Schema = Readonly<Record<string, unknown>>

const MAX_KEPT = 200
const MAX_ERRORS = 20

const OPTIONS = {
  strict: true,
  // A subschema need not repeat what its parent says.
  strictTypes: false,
  strictRequired: false,
  addUsedSchema: false,
  validateSchema: true,
  code: { regExp: linearRegExp },
} as const

const kept = new Map<string, ValidateFunction>()

/** @throws {ProblemError} 422 `custom-schema-invalid` */
export function requireSchema(schema: Schema): void {
  validatorOf(schema)
}

function validatorOf(schema: Schema): ValidateFunction {
  return remembered(kept, MAX_KEPT, JSON.stringify(schema), () => compile(schema))
}

/** Each in an Ajv of its own: what one schema calls `$id` means nothing to another. */
function compile(schema: Schema): ValidateFunction {
  const refused = refusedIn(schema)
  if (refused !== undefined) throw invalid(`"${refused}" is not allowed`)
  if (schema.type !== 'object') throw invalid('"type" has to be "object"')
  try {
    return addFormats.default(new Ajv(OPTIONS), { mode: 'fast' }).compile(schema)
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : 'it does not compile')
  }
}

/** What a small schema can make a check of small data take for ever with. */
const REFUSED = new Set(['$ref', '$dynamicRef', '$recursiveRef', '$async', 'uniqueItems'])
/** Members of these are names or values, not keywords. */
const NAMES = new Set(['properties', 'patternProperties', 'const', 'enum', 'default', 'examples'])

function refusedIn(schema: object): string | undefined {
  for (const [key, value] of Object.entries(schema)) {
    if (REFUSED.has(key)) return key
    if (!isObject(value)) continue
    const inner = NAMES.has(key) ? Object.values(value).filter(isObject) : [value]
    for (const each of inner) {
      const found = refusedIn(each)
      if (found !== undefined) return found
    }
  }
  return undefined
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function invalid(why: string) {
  const detail = `The schema cannot be used: ${why}`.slice(0, 500)
  return problem(422, 'custom-schema-invalid', detail)
}

/** @throws {ProblemError} 422 `custom-data-invalid` when `data` does not fit the registered schema. */
export function requireFit(name: string, schema: Schema, data: unknown): void {
  const validate = validatorOf(schema)
  if (validate(data)) return
  throw problem(
    422,
    'custom-data-invalid',
    `The data does not fit the schema of "custom.${name}"; \`errors\` says where.`,
    (validate.errors ?? []).slice(0, MAX_ERRORS).map(({ instancePath, message }) => ({
      pointer: `/body/data${instancePath}`.slice(0, 300),
      detail: (message ?? 'is not allowed').slice(0, 300),
    })),
  )
}
