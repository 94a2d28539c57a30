import type { ErrorObject } from 'ajv'
import { within } from '../../domain/kernel/pointer.ts'
import { type Fault, MAX_DETAIL } from '../../domain/workflows/checks/fault.ts'

/**
 * What a reader can act on, of ajv's errors. Where a value may have several shapes, the schema
 * describes in words what it wants; the errors of the single shapes are left out.
 */
export function schemaFaults(errors: readonly ErrorObject[]): readonly Fault[] {
  const choices = errors.filter(({ keyword }) => keyword === 'oneOf' || keyword === 'anyOf')
  const faults = errors.filter((error) => {
    if (error.keyword === 'if') return false
    return !choices.some((choice) => choice !== error && isOf(error, choice))
  })
  const seen = new Map(faults.map((error) => [`${pointerOf(error)}\n${detailOf(error)}`, error]))
  return [...seen.values()].map((error) => ({
    pointer: pointerOf(error),
    detail: detailOf(error).slice(0, MAX_DETAIL),
  }))
}

function isOf(error: ErrorObject, choice: ErrorObject): boolean {
  if (error.instancePath === choice.instancePath)
    // Of two choices of one value the inner one is the shape of the outer one.
    return error.schemaPath !== choice.schemaPath && error.keyword !== 'oneOf'
  return error.instancePath.startsWith(`${choice.instancePath}/`)
}

function pointerOf({ instancePath, keyword, params }: ErrorObject): string {
  if (keyword !== 'additionalProperties') return instancePath
  return within(instancePath, String(params.additionalProperty))
}

function detailOf({ keyword, params, message, parentSchema }: ErrorObject): string {
  const { description } = parentSchema as { readonly description?: string }
  switch (keyword) {
    case 'additionalProperties':
      return `"${params.additionalProperty}" is not a member that belongs here`
    case 'required':
      return `the member "${params.missingProperty}" is missing`
    case 'enum':
      return `must be one of ${params.allowedValues.join(', ')}`
    case 'type':
      return `must be ${[params.type].flat().join(' or ')}`
    default:
      return description === undefined ? (message ?? 'is not allowed') : `must be ${description}`
  }
}
