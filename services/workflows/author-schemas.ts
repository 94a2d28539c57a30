import type { ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { type Fault, MAX_DETAIL } from '../../domain/workflows/checks/fault.ts'
import { tooCostly } from '../../domain/workflows/checks/schema-cost.ts'
import { schemasIn } from '../../domain/workflows/checks/schemas.ts'
import type { WorkflowDocument } from '../../domain/workflows/document.ts'
import { linearRegExp } from '../kernel/linear-regexp.ts'

// JSON Schemas 2020-12 of authors. One refers to nothing but its own parts; two may have the same `$id`.

const ajv = addFormats.default(
  new Ajv2020({
    ...{ strict: false, addUsedSchema: false, logger: false },
    code: { regExp: linearRegExp },
  }),
)

/** @returns why it cannot be used, in words, or what tells whether a value fits. */
export function compileSchema(schema: unknown): ValidateFunction | string {
  if ((typeof schema !== 'object' || schema === null) && typeof schema !== 'boolean')
    return 'it is no JSON Schema'
  if (typeof schema === 'object' && '$async' in schema) return '$async is not done here'
  const costly = tooCostly(schema)
  if (costly !== undefined) return costly
  try {
    return ajv.compile(schema)
  } catch (error) {
    return error instanceof Error ? error.message : 'it is broken'
  } finally {
    // What is compiled belongs to whoever asked for it.
    if (typeof schema === 'object') ajv.removeSchema(schema)
  }
}

export function authorSchemaFaults(document: WorkflowDocument): readonly Fault[] {
  return [...schemasIn(document)].flatMap(({ pointer, schema }) => {
    const compiled = compileSchema(schema)
    if (typeof compiled !== 'string') return []
    return [{ pointer, detail: `cannot be used: ${compiled}`.slice(0, MAX_DETAIL) }]
  })
}

/** What a value that does not fit does wrong. */
export function violationOf({ errors }: ValidateFunction): string {
  return ajv.errorsText(errors, { dataVar: 'the value' }).slice(0, 500)
}
