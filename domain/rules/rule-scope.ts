import { type TSchema, Type } from 'typebox'
import { isCustomType } from '../custom/events.ts'
import { type CelType, DYN, typeOfSchema, unionOf } from './condition/cel-type.ts'
import type { ConditionScope } from './condition/scope.ts'
import { customDataType } from './custom-data-type.ts'
import { factsSchema } from './facts.ts'
import { type SubjectKind, subjectKindOf } from './subject.ts'

/**
 * The data of an event type in its current version; undefined for a type that there is not, and for a tenant's own
 * type whose schema does not count.
 */
export type EventSchemas = (type: string) => TSchema | undefined

/** Of every event, beside its data. */
const eventFields = {
  type: Type.String(),
  id: Type.String(),
  time: Type.String({ format: 'date-time', description: 'when it was recorded' }),
  subject: Type.String({ description: 'whom it is about: the id of an installation, …' }),
  actor: Type.String({ description: 'who caused it, like key:…' }),
  stream: Type.String(),
}

/** Data of a tenant's own event types is open to an engine: each version of a type may have another schema. */
const OPEN: CelType = { kind: 'map', of: DYN }

/**
 * What the condition of a rule may name that listens to these types.
 *
 * @returns a sentence that says why there is no such rule.
 */
export function ruleScope(on: readonly string[], schemaOf: EventSchemas): ConditionScope | string {
  const types = [...new Set(on)].toSorted()
  const kinds = new Set<SubjectKind>()
  const data: CelType[] = []
  for (const type of types) {
    const of = dataType(type, schemaOf)
    const kind = subjectKindOf(type)
    if (of === undefined) return `There is no event type ${type}.`
    if (kind === undefined) return `Rules cannot listen to ${type}.`
    kinds.add(kind)
    data.push(of)
  }
  return {
    key: types.join(' '),
    roots: new Map([
      ['event', eventType(unionOf(data))],
      ['facts', factsType(kinds)],
    ]),
    pastEvent: (type) => pastEvent(type, kinds, schemaOf),
  }
}

/** What the filter and the value of a window may name. */
export function windowScope(type: string, schemaOf: EventSchemas): ConditionScope {
  return {
    key: `it ${type}`,
    roots: new Map([['it', dataType(type, schemaOf) ?? OPEN]]),
    pastEvent: () => 'A window cannot be asked for within another one.',
  }
}

function dataType(type: string, schemaOf: EventSchemas): CelType | undefined {
  const schema = schemaOf(type)
  if (!isCustomType(type)) return schema && typeOfSchema(schema)
  const of = customDataType(schema)
  return of.kind === 'dyn' ? OPEN : of
}

function eventType(data: CelType): CelType {
  const fields = Object.entries(eventFields).map(
    ([name, schema]) => [name, typeOfSchema(schema)] as const,
  )
  return { kind: 'object', fields: new Map([...fields, ['data', data]]) }
}

function factsType(kinds: ReadonlySet<SubjectKind>): CelType {
  const schemas = [...kinds].flatMap((kind) => Object.entries(factsSchema(kind)))
  return {
    kind: 'object',
    fields: new Map(schemas.map(([name, schema]) => [name, typeOfSchema(schema)])),
  }
}

function pastEvent(
  type: string,
  kinds: ReadonlySet<SubjectKind>,
  schemaOf: EventSchemas,
): CelType | string {
  const kind = subjectKindOf(type)
  const of = dataType(type, schemaOf)
  if (of === undefined) return `There is no event type ${type}.`
  if (kind === undefined) return `Rules cannot listen to ${type}.`
  if (kinds.size === 1 && kinds.has(kind)) return of
  return `A window has events of the same subject: ${type} is about the ${kind}, the rule's events are about the ${[...kinds].join(' and the ')}.`
}
