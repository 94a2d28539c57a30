import { type Static, Type } from 'typebox'
import { type RuleSettings, ruleSettings } from '../../domain/rules/rule-settings.ts'

const { actions, priority, stopAfter, budgetPerMinute, name, ...needed } = ruleSettings.properties
const [command, webhook] = actions.items.anyOf
const { onFailure } = command.properties
const closed = { additionalProperties: false }
const byDefault = { onFailure: Type.Optional(onFailure) }

/** No control characters, and no halves of characters. */
const READABLE = { pattern: '^[^\\p{Cc}\\p{Cs}]*$' }

/** A rule as a person writes it: what is left out has its default. */
export const RuleBody = Type.Object(
  {
    name: Type.String({ ...name, ...READABLE }),
    ...needed,
    actions: Type.Optional(
      Type.Array(
        Type.Union([
          Type.Object({ ...command.properties, ...byDefault }, closed),
          Type.Object({ ...webhook.properties, ...byDefault }, closed),
        ]),
        { maxItems: 10, description: 'by default none: it only says what matched' },
      ),
    ),
    priority: Type.Optional(priority),
    stopAfter: Type.Optional(stopAfter),
    budgetPerMinute: Type.Optional(budgetPerMinute),
  },
  closed,
)

const DEFAULTS = { priority: 0, stopAfter: false, budgetPerMinute: 60 }

/** The chain ends at a failure unless the rule says otherwise. */
export function settingsOf({ actions = [], ...body }: Static<typeof RuleBody>): RuleSettings {
  return {
    ...{ ...DEFAULTS, ...body },
    actions: actions.map((action) => ({ ...action, onFailure: action.onFailure ?? 'stop' })),
  }
}

const instant = Type.String({ format: 'date-time' })
export const ruleId = Type.String({ format: 'uuid' })
export const position = Type.String({ description: 'in the log, decimal' })
const version = Type.Integer({ minimum: 1 })
const optional = Type.Optional(Type.String())

export const RuleView = Type.Object({
  ruleId,
  version,
  status: Type.Enum(['on', 'off', 'suspended']),
  reason: Type.Optional(Type.String({ description: 'why it is suspended' })),
  author: Type.String({ description: 'in whose name it acts' }),
  changedAt: instant,
  settings: ruleSettings,
})

export const RuleDetail = Type.Object({
  ...RuleView.properties,
  versions: Type.Array(
    Type.Object({ version, author: Type.String(), revisedAt: instant, settings: ruleSettings }),
    { description: 'newest first, 100 at most' },
  ),
})

export const VERDICTS = [
  'matched',
  'not-matched',
  'failed',
  'throttled',
  'suspended',
  'too-deep',
  'stopped',
] as const

export const EvaluationView = Type.Object({
  evaluationId: Type.String({ format: 'uuid', description: 'the event that records it' }),
  ruleId,
  version,
  event: Type.Object({ id: Type.String(), type: Type.String(), subject: Type.String() }),
  depth: Type.Integer({ description: 'through how many rule actions the event was caused' }),
  verdict: Type.Enum(VERDICTS),
  reason: optional,
  values: Type.Array(Type.Object({ path: Type.String(), value: Type.Unknown() })),
  evaluatedAt: instant,
  position,
})

export const ACTION_STATUSES = ['owed', 'succeeded', 'failed', 'skipped'] as const

export const ActionView = Type.Object({
  evaluationId: Type.String({ format: 'uuid' }),
  version,
  index: Type.Integer(),
  action: Type.String({ description: 'command, or `webhook`' }),
  parameters: Type.Record(Type.String(), Type.Unknown()),
  status: Type.Enum(ACTION_STATUSES),
  attempts: Type.Integer(),
  code: optional,
  cause: optional,
  result: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  retryAt: Type.Optional(instant),
  changedAt: instant,
})

export function pageSchema<Item extends Type.TSchema>(item: Item) {
  return Type.Object({ items: Type.Array(item), nextCursor: Type.Optional(Type.String()) })
}
