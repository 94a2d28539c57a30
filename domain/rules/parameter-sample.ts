import { within } from '../kernel/pointer.ts'
import type { Template } from './owed-action.ts'

/** Parameters as they may look when the rule matches. */
export type Sample = {
  readonly value: unknown
  /** What is computed, by JSON pointer, and whether its type is known: then the value is of that type. */
  readonly computed: ReadonlyMap<string, boolean>
}

export function sampleOf(template: Template): Sample {
  const computed = new Map<string, boolean>()
  return { value: sample(template, '', computed), computed }
}

function sample(each: Template, at: string, computed: Map<string, boolean>): unknown {
  if ('literal' in each) return each.literal
  if ('expression' in each) {
    const value = ofType(each.expression.type)
    computed.set(at, value !== undefined)
    return value ?? {}
  }
  if ('list' in each)
    return each.list.map((item, index) => sample(item, within(at, index), computed))
  return Object.fromEntries(
    each.members.map(([name, item]) => [name, sample(item, within(at, name), computed)]),
  )
}

/** @returns JSON, in which instants and durations are texts; undefined when the type is not known. */
function ofType(type: string): unknown {
  switch (type) {
    case 'string':
    case 'google.protobuf.Timestamp':
    case 'google.protobuf.Duration':
      return ''
    // A double may turn out to be a whole number.
    case 'int':
    case 'double':
      return 0
    case 'bool':
      return true
    default:
      return ofStructure(type)
  }
}

function ofStructure(type: string): unknown {
  if (type.startsWith('list')) return []
  return /^(map|Object\d)/.test(type) ? {} : undefined
}
