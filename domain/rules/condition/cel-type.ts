import type { TSchema } from 'typebox'
import { isRecord } from '../../kernel/json.ts'

// What a condition knows of a value before it has one, taken from JSON schemas. Integers are CEL's
// `int`, other numbers `double`, instants (`format: date-time`) `timestamp`, what a schema leaves
// open `dyn`, in which numbers are `double` as in protobuf's Struct.

export type CelType =
  | { readonly kind: 'string' | 'int' | 'double' | 'bool' | 'timestamp' | 'dyn' }
  | { readonly kind: 'list' | 'map'; readonly of: CelType }
  | { readonly kind: 'object'; readonly fields: ReadonlyMap<string, CelType> }

export const DYN: CelType = { kind: 'dyn' }

/** The members of a JSON schema that say something about types; TypeBox's own types hide them in unions. */
type JsonSchema = {
  readonly type?: string
  readonly format?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly TSchema[]
  readonly items?: TSchema
  readonly properties?: Readonly<Record<string, TSchema>>
  readonly patternProperties?: Readonly<Record<string, TSchema>>
  readonly additionalProperties?: TSchema | boolean
}

export function typeOfSchema(schema: TSchema): CelType {
  const json = schema as JsonSchema
  if (json.anyOf !== undefined) return unionOf(json.anyOf.map(typeOfSchema))
  if (json.enum !== undefined) return unionOf(json.enum.map(typeOfLiteral))
  if (json.const !== undefined) return typeOfLiteral(json.const)
  switch (json.type) {
    case 'string':
      return { kind: json.format === 'date-time' ? 'timestamp' : 'string' }
    case 'integer':
      return { kind: 'int' }
    case 'number':
      return { kind: 'double' }
    case 'boolean':
      return { kind: 'bool' }
    case 'array':
      return { kind: 'list', of: json.items === undefined ? DYN : typeOfSchema(json.items) }
    case 'object':
      return typeOfObject(json)
    default:
      return DYN
  }
}

function typeOfLiteral(value: unknown): CelType {
  if (typeof value === 'string') return { kind: 'string' }
  if (typeof value === 'boolean') return { kind: 'bool' }
  return DYN
}

function typeOfObject({
  properties,
  patternProperties,
  additionalProperties,
}: JsonSchema): CelType {
  const named = Object.entries(properties ?? {})
  if (named.length > 0)
    return {
      kind: 'object',
      fields: new Map(named.map(([name, schema]) => [name, typeOfSchema(schema)])),
    }
  const [pattern] = Object.values(patternProperties ?? {})
  const open =
    pattern ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined)
  return { kind: 'map', of: open === undefined ? DYN : typeOfSchema(open) }
}

/** What all of them have in common; objects have every field that one of them has. */
export function unionOf(types: readonly CelType[]): CelType {
  const [first, ...rest] = types
  return first === undefined ? DYN : rest.reduce(union, first)
}

function union(a: CelType, b: CelType): CelType {
  if (a.kind === 'object' && b.kind === 'object') {
    const fields = new Map(a.fields)
    for (const [name, type] of b.fields) {
      const other = fields.get(name)
      fields.set(name, other === undefined ? type : union(other, type))
    }
    return { kind: 'object', fields }
  }
  if ((a.kind === 'list' && b.kind === 'list') || (a.kind === 'map' && b.kind === 'map'))
    return { kind: a.kind, of: union(a.of, b.of) }
  return a.kind === b.kind ? a : DYN
}

/** Makes a CEL value out of a JSON value: `bigint` for `int`, `Date` for `timestamp`. */
export type Decoder = (json: unknown) => unknown

/** @returns undefined when a JSON value of this type is a CEL value as it is. */
export function decoderOf(type: CelType): Decoder | undefined {
  switch (type.kind) {
    case 'int':
      return (json) => (Number.isInteger(json) ? BigInt(json as number) : json)
    case 'timestamp':
      return (json) => (typeof json === 'string' ? new Date(json) : json)
    case 'list': {
      const each = decoderOf(type.of)
      return each && ((json) => (Array.isArray(json) ? json.map(each) : json))
    }
    case 'map': {
      const each = decoderOf(type.of)
      return each && ((json) => mapRecord(json, () => each))
    }
    case 'object': {
      const decoders = new Map<string, Decoder>()
      for (const [name, field] of type.fields) {
        const decoder = decoderOf(field)
        if (decoder !== undefined) decoders.set(name, decoder)
      }
      return decoders.size === 0
        ? undefined
        : (json) => mapRecord(json, (name) => decoders.get(name))
    }
    case 'string':
    case 'double':
    case 'bool':
    case 'dyn':
      return undefined
  }
}

function mapRecord(json: unknown, decoderFor: (name: string) => Decoder | undefined): unknown {
  if (!isRecord(json)) return json
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => [name, decoderFor(name)?.(value) ?? value]),
  )
}
