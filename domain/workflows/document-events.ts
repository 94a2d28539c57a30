import { type Static, Type } from 'typebox'
import { runtimeExpression, text, uriTemplate } from './document-parts.ts'
import { byMember, closed, objectOr, oneOf, ref } from './schema-kit.ts'

// Events as the language describes them: CloudEvents by their attributes.

const uriOrExpression = oneOf(
  'an absolute URI or a runtime expression',
  runtimeExpression,
  uriTemplate,
)
const attributes = {
  id: Type.Optional(text),
  time: Type.Optional(
    oneOf(
      'an RFC 3339 time or a runtime expression',
      runtimeExpression,
      Type.String({ format: 'date-time' }),
    ),
  ),
  subject: Type.Optional(text),
  datacontenttype: Type.Optional(text),
  dataschema: Type.Optional(uriOrExpression),
  data: Type.Optional(Type.Unknown()),
}

/** Any other member is an extension attribute. */
const filterAttributes = Type.Object(
  { ...attributes, source: Type.Optional(uriOrExpression), type: Type.Optional(text) },
  { minProperties: 1, additionalProperties: true },
)
const emittedAttributes = Type.Object(
  { ...attributes, source: uriOrExpression, type: text },
  { additionalProperties: true },
)
/** What `emit` emits. */
export const emittedEvent = Type.Object(
  { with: Type.Optional(emittedAttributes) },
  { additionalProperties: true },
)

const eventFilterSchema = closed({
  with: filterAttributes,
  correlate: Type.Optional(
    Type.Record(Type.String(), Type.Object({ from: text, expect: Type.Optional(text) })),
  ),
})
/** Which events are meant: each attribute of `with` is equal, or is a runtime expression that is true. */
export type EventFilter = Static<typeof eventFilterSchema>
const eventFilter = ref<EventFilter>('eventFilter')
const eventFilters = Type.Array(eventFilter)

const all = closed({ all: eventFilters })
const one = closed({ one: eventFilter })
const untilEvents = byMember('all, any or one', { all, any: closed({ any: eventFilters }), one })
const strategySchema = byMember('all, any or one, with what it listens to', {
  all,
  any: closed({
    any: eventFilters,
    until: Type.Optional(
      objectOr(untilEvents, Type.String({ description: 'a runtime expression, or events' })),
    ),
  }),
  one,
})
export type EventConsumption = Static<typeof strategySchema>
export const eventConsumption = ref<EventConsumption>('eventConsumption')

export const eventDefinitions = { eventFilter: eventFilterSchema, eventConsumption: strategySchema }
