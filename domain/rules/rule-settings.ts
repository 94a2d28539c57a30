import { type Static, Type } from 'typebox'

/** A parameter is any JSON value; an object with the one member `cel` is computed when the rule matches. */
const parameter = Type.Unknown({
  description: 'JSON, or {"cel": "<expression>"} that is computed when the rule matches',
})

const onFailure = Type.Union([Type.Literal('stop'), Type.Literal('continue')], {
  description: 'whether the actions after this one are done when it failed for good',
})

const parameters = Type.Record(Type.String({ minLength: 1, maxLength: 100 }), parameter, {
  maxProperties: 50,
})

export const ruleAction = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('command'),
      command: Type.String({
        minLength: 1,
        maxLength: 100,
        description: 'name of a platform command',
      }),
      parameters,
      onFailure,
    },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      kind: Type.Literal('webhook'),
      webhookId: Type.String({ format: 'uuid' }),
      parameters,
      onFailure,
    },
    { additionalProperties: false },
  ),
])
export type RuleAction = Static<typeof ruleAction>

/** How many characters a condition, or one computed parameter, may have: parsing and checking stay below some milliseconds. */
export const MAX_EXPRESSION_LENGTH = 4_096

/** What a person writes down: everything about a rule but its id, its version and whether it is on. */
export const ruleSettings = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200 }),
    on: Type.Array(Type.String({ minLength: 1, maxLength: 100 }), {
      minItems: 1,
      maxItems: 20,
      description: 'event types that the rule listens to',
    }),
    condition: Type.String({
      minLength: 1,
      maxLength: MAX_EXPRESSION_LENGTH,
      description: 'CEL, see docs/rules.md',
    }),
    actions: Type.Array(ruleAction, { maxItems: 10 }),
    priority: Type.Integer({
      minimum: -1_000,
      maximum: 1_000,
      description: 'rules with a higher one are asked first',
    }),
    stopAfter: Type.Boolean({ description: 'when it matches, no rule after it is asked' }),
    throttle: Type.Optional(
      Type.Object(
        {
          firings: Type.Integer({ minimum: 1, maximum: 1_000 }),
          seconds: Type.Integer({ minimum: 1, maximum: 7 * 86_400 }),
        },
        { additionalProperties: false, description: 'at most so many firings for one subject' },
      ),
    ),
    budgetPerMinute: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      description: 'a rule that fires more often than this is suspended',
    }),
  },
  { additionalProperties: false },
)
export type RuleSettings = Static<typeof ruleSettings>
