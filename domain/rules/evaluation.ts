import { type Static, Type } from 'typebox'

// What the engine decided about one event: the data of `RulesEvaluated`.

const ruleId = Type.String({ format: 'uuid' })

/**
 * `matched` owes its actions. `failed`: the condition or a parameter ended in an error.
 * `throttled`, `suspended`, `too-deep`: it matched, and fires nothing. `stopped`: a rule before it
 * matched and said that no other is to be asked.
 */
const verdict = Type.Union([
  Type.Literal('matched'),
  Type.Literal('not-matched'),
  Type.Literal('failed'),
  Type.Literal('throttled'),
  Type.Literal('suspended'),
  Type.Literal('too-deep'),
  Type.Literal('stopped'),
])

const readValue = Type.Object(
  {
    path: Type.String({ description: 'what the condition read, as CEL' }),
    value: Type.Unknown({ description: 'JSON; cut when it is long' }),
  },
  { additionalProperties: false },
)
export type ReadValue = Static<typeof readValue>

const parameters = Type.Record(Type.String(), Type.Unknown())
const onFailure = Type.Union([Type.Literal('stop'), Type.Literal('continue')])

/** An action with its parameters computed: nothing is left to look up when it is done. */
const owedAction = Type.Union([
  Type.Object(
    { kind: Type.Literal('command'), command: Type.String(), parameters, onFailure },
    { additionalProperties: false },
  ),
  Type.Object(
    { kind: Type.Literal('webhook'), webhookId: Type.String(), parameters, onFailure },
    { additionalProperties: false },
  ),
])
export type OwedAction = Static<typeof owedAction>

const ruleVerdict = Type.Object(
  {
    ruleId,
    version: Type.Integer({ minimum: 1 }),
    verdict,
    reason: Type.Optional(
      Type.String({ maxLength: 1_000, description: 'one sentence for a person' }),
    ),
    values: Type.Optional(Type.Array(readValue, { description: 'what a match read' })),
    actions: Type.Optional(Type.Array(owedAction, { description: 'owed by a match, in order' })),
  },
  { additionalProperties: false },
)
export type RuleVerdict = Static<typeof ruleVerdict>

/** One for each event that had a candidate. The rules are in the order in which they were asked. */
export const RulesEvaluatedV1 = Type.Object(
  {
    eventId: Type.String({ format: 'uuid', description: 'the event that was evaluated' }),
    eventType: Type.String(),
    position: Type.String({ pattern: '^[0-9]{1,19}$', description: 'of the event, in the log' }),
    subject: Type.String({ description: 'whom the event is about' }),
    depth: Type.Integer({
      minimum: 0,
      description: 'through how many rule actions the event was caused',
    }),
    rules: Type.Array(ruleVerdict, { minItems: 1 }),
    notAsked: Type.Optional(
      Type.Integer({
        minimum: 1,
        description:
          'candidates of the lowest priority that were left out, because there were too many',
      }),
    ),
  },
  { $id: 'rules.RulesEvaluated.v1', additionalProperties: false },
)
export type RulesEvaluated = Static<typeof RulesEvaluatedV1>
