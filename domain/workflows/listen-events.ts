import { Type } from 'typebox'
import type { Json } from '../kernel/json.ts'
import { instant, of, personal } from './run-event-parts.ts'

// Of steps that listen; see run-events.ts. A published version is never edited.

export const EventReceivedV1 = Type.Object(
  {
    ...of,
    eventId: Type.String({ minLength: 1, maxLength: 200 }),
    filter: Type.Integer({
      minimum: -1,
      description: 'that it passed; -1 = it ends the listening',
    }),
    event: personal<Json>('as `read` asks for it'),
    correlation: personal<Readonly<Record<string, Json>>>('what later events must have, too'),
    receivedAt: instant,
  },
  { $id: 'workflows.EventReceived.v1', additionalProperties: false },
)

/** `until` may name several events: each has a number of its own. */
export const EventReceivedV2 = Type.Object(
  {
    ...EventReceivedV1.properties,
    filter: Type.Integer({
      description: 'that it passed, from 0; of those that end the listening, from -1 downwards',
    }),
  },
  { $id: 'workflows.EventReceived.v2', additionalProperties: false },
)

/** The tasks of a `listen`'s `foreach` are done with an event; only where `foreach` shapes what comes of it. */
export const ListenItemCompletedV1 = Type.Object(
  {
    ...of,
    item: Type.Integer({ minimum: 0, description: 'the place of its event' }),
    output: personal<Json>('after `foreach.output.as`'),
    context: Type.Optional(personal<Json>('what `foreach.export.as` made of the context')),
    completedAt: instant,
  },
  { $id: 'workflows.ListenItemCompleted.v1', additionalProperties: false },
)
