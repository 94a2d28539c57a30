import { Ajv, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type { Json } from '../../../domain/kernel/json.ts'
import { remembered } from '../../../domain/kernel/remembered.ts'
import { sha256 } from '../../kernel/canonical-json.ts'
import { linearRegExp } from '../../kernel/linear-regexp.ts'
import type { OpenApiDocument } from './openapi-document.ts'

const MAX_SCHEMAS = 100
const MAX_VIOLATION = 500

/** @returns what of the body is not as the schema says; undefined if all is. */
export type BodyCheck = (document: OpenApiDocument, schema: Json, body: Json) => string | undefined

/** Schemas of third parties: their patterns are RE2's, which take linear time. */
export function createBodyCheck(): BodyCheck {
  const compiled = new Map<string, ValidateFunction | string>()
  return (document, schema, body) => {
    const text = JSON.stringify(schema)
    const key = `${document.hash}/${sha256(text)}`
    const validate = remembered(compiled, MAX_SCHEMAS, key, () => compile(document, schema))
    if (typeof validate === 'string') return validate
    if (validate(body)) return undefined
    const [fault] = validate.errors ?? []
    return `${fault?.instancePath || 'it'} ${fault?.message ?? 'is wrong'}`.slice(0, MAX_VIOLATION)
  }
}

/** References lead into the document, which stands around the schema. */
function compile({ root }: OpenApiDocument, schema: Json): ValidateFunction | string {
  const ajv = addFormats.default(
    new Ajv({
      strict: false,
      validateSchema: false,
      logger: false,
      code: { regExp: linearRegExp },
    }),
  )
  const { components, definitions } = root
  try {
    return ajv.compile({ allOf: [schema], components, definitions })
  } catch (error) {
    return `its schema cannot be used: ${error instanceof Error ? error.message : 'it is broken'}`
  }
}
