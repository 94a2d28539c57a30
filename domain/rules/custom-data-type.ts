import { isRecord } from '../kernel/json.ts'
import type { CelType } from './condition/cel-type.ts'
import { DYN, unionOf } from './condition/cel-type.ts'

// What a tenant's own JSON Schema says about the data of its events, as far as a condition can be held to it.
// Conditions see this data as it is in JSON, whatever the schema was when the event was emitted: numbers are
// `double`, instants are texts.

type Schema = Readonly<Record<string, unknown>>

/** With one of these a schema says more than what its properties are. */
const COMPOUND = ['$ref', 'allOf', 'anyOf', 'oneOf', 'not', 'if', 'patternProperties']

/** @returns `dyn` for what the schema leaves open. */
export function customDataType(schema: unknown): CelType {
  if (!isRecord(schema) || COMPOUND.some((keyword) => keyword in schema)) return DYN
  if (Array.isArray(schema.enum)) return unionOf(schema.enum.map(typeOfValue))
  if ('const' in schema) return typeOfValue(schema.const)
  switch (schema.type) {
    case 'string':
      return { kind: 'string' }
    case 'integer':
    case 'number':
      return { kind: 'double' }
    case 'boolean':
      return { kind: 'bool' }
    case 'array':
      return { kind: 'list', of: customDataType(schema.items) }
    case 'object':
      return typeOfObject(schema)
    default:
      return DYN
  }
}

/** Fields without a name in the schema are there only where it says so: a wrong name is to be found out. */
function typeOfObject({ properties, additionalProperties }: Schema): CelType {
  const named = isRecord(properties) ? Object.entries(properties) : []
  const isOpen = additionalProperties === true || isRecord(additionalProperties)
  if (named.length > 0 && !isOpen)
    return {
      kind: 'object',
      fields: new Map(named.map(([name, each]) => [name, customDataType(each)])),
    }
  return { kind: 'map', of: named.length > 0 ? DYN : customDataType(additionalProperties) }
}

function typeOfValue(value: unknown): CelType {
  switch (typeof value) {
    case 'string':
      return { kind: 'string' }
    case 'number':
      return { kind: 'double' }
    case 'boolean':
      return { kind: 'bool' }
    default:
      return DYN
  }
}
