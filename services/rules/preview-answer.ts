import { Type } from 'typebox'

const position = Type.String({ pattern: '^[0-9]{1,19}$' })
const count = Type.Integer({ minimum: 0 })

const Verdict = Type.Object({
  eventId: Type.String(),
  eventType: Type.String(),
  position,
  time: Type.String(),
  subject: Type.String(),
  verdict: Type.String({ description: 'matched, failed, throttled or suspended' }),
  reason: Type.Optional(Type.String()),
  values: Type.Optional(
    Type.Array(Type.Object({ path: Type.String(), value: Type.Unknown() }), {
      description: 'what the condition read',
    }),
  ),
  actions: Type.Optional(
    Type.Array(Type.Record(Type.String(), Type.Unknown()), {
      description: 'what it would have done',
    }),
  ),
})

const Difference = Type.Object({
  count,
  positions: Type.Array(position, { description: 'the first ones' }),
})

/** What a rule would have done in a part of the log. */
export const PreviewAnswer = Type.Object({
  after: { ...position, description: 'of the part, exclusive' },
  through: { ...position, description: 'inclusive' },
  complete: Type.Boolean({ description: 'false: `maxEvents` were read, the rest was not' }),
  read: Type.Integer({ description: 'events that were read, also to fill windows' }),
  events: Type.Integer({ description: 'events within the part' }),
  counts: Type.Record(Type.String(), count, { description: 'events by verdict' }),
  shown: Type.Array(Verdict),
  comparison: Type.Optional(
    Type.Object(
      {
        versions: Type.Array(Type.Integer(), { description: 'that answered then' }),
        both: count,
        onlyNow: Difference,
        onlyThen: Difference,
      },
      { description: 'matches beside those that were recorded' },
    ),
  ),
})
