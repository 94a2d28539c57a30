import { Type } from 'typebox'
import type { EventOf } from '../kernel/event.ts'
import { firstVersion } from '../kernel/upcast.ts'
import { RulesEvaluatedV1 } from './evaluation.ts'
import { ruleSettings } from './rule-settings.ts'

// These names and shapes are the storage format. A published version is never edited:
// add V2 beside it and the upcaster that leads to it.

const instant = Type.String({ format: 'date-time' })
const ruleId = Type.String({ format: 'uuid' })
const eventId = Type.String({ format: 'uuid', description: 'an event of the log' })
const version = Type.Integer({ minimum: 1, description: 'of the rule: each revision is one' })
const sentence = Type.String({ minLength: 1, maxLength: 1_000 })
const closed = { additionalProperties: false }

/** In whose name the rule acts. */
const author = Type.Object(
  {
    actorId: Type.String(),
    scopes: Type.Array(Type.String({ maxLength: 100 }), { description: 'that the actor held' }),
  },
  closed,
)

const settled = { ruleId, version, settings: ruleSettings, author }

export const RuleDefinedV1 = Type.Object(
  { ...settled, definedAt: instant },
  { $id: 'rules.RuleDefined.v1', ...closed },
)

export const RuleRevisedV1 = Type.Object(
  { ...settled, revisedAt: instant },
  { $id: 'rules.RuleRevised.v1', ...closed },
)

export const RuleEnabledV1 = Type.Object(
  { ruleId, enabledAt: instant },
  { $id: 'rules.RuleEnabled.v1', ...closed },
)

export const RuleDisabledV1 = Type.Object(
  { ruleId, disabledAt: instant },
  { $id: 'rules.RuleDisabled.v1', ...closed },
)

export const RuleRemovedV1 = Type.Object(
  { ruleId, removedAt: instant },
  { $id: 'rules.RuleRemoved.v1', ...closed },
)

/** It fired above its budget. The evaluation that found it says so too; this is the rule's own record. */
export const RuleSuspendedV1 = Type.Object(
  { ruleId, version, eventId, reason: sentence, suspendedAt: instant },
  { $id: 'rules.RuleSuspended.v1', ...closed },
)

export const RuleResumedV1 = Type.Object(
  { ruleId, resumedAt: instant },
  { $id: 'rules.RuleResumed.v1', ...closed },
)

/** One attempt of one action of a firing. */
const attempted = {
  evaluationId: Type.String({ format: 'uuid', description: 'the RulesEvaluated that owes it' }),
  ruleId,
  version,
  index: Type.Integer({ minimum: 0, maximum: 99, description: 'of the action in the rule' }),
  action: Type.String({ description: 'command, or `webhook`' }),
  attempt: Type.Integer({ minimum: 1 }),
}

export const RuleActionSucceededV1 = Type.Object(
  {
    ...attempted,
    result: Type.Record(Type.String(), Type.Unknown(), {
      description: 'what a command answered; the status of a webhook',
    }),
    stream: Type.Optional(Type.String({ description: 'that a command was about' })),
    succeededAt: instant,
  },
  { $id: 'rules.RuleActionSucceeded.v1', ...closed },
)

export const RuleActionFailedV1 = Type.Object(
  {
    ...attempted,
    code: Type.String({ minLength: 1, maxLength: 100 }),
    cause: sentence,
    retryAt: Type.Optional(
      Type.String({ format: 'date-time', description: 'absent: it is not tried again' }),
    ),
    skipped: Type.Optional(
      Type.Array(Type.Integer({ minimum: 0 }), {
        description: 'the actions after it, when the rule stops at its failure',
      }),
    ),
    failedAt: instant,
  },
  { $id: 'rules.RuleActionFailed.v1', ...closed },
)

export type RuleLifeEvent =
  | EventOf<'RuleDefined', typeof RuleDefinedV1>
  | EventOf<'RuleRevised', typeof RuleRevisedV1>
  | EventOf<'RuleEnabled', typeof RuleEnabledV1>
  | EventOf<'RuleDisabled', typeof RuleDisabledV1>
  | EventOf<'RuleRemoved', typeof RuleRemovedV1>
  | EventOf<'RuleSuspended', typeof RuleSuspendedV1>
  | EventOf<'RuleResumed', typeof RuleResumedV1>

export type RuleActionEvent =
  | EventOf<'RuleActionSucceeded', typeof RuleActionSucceededV1>
  | EventOf<'RuleActionFailed', typeof RuleActionFailedV1>

export type RulesEvent =
  | RuleLifeEvent
  | RuleActionEvent
  | EventOf<'RulesEvaluated', typeof RulesEvaluatedV1>

export const rulesEvents = {
  RuleDefined: firstVersion(RuleDefinedV1),
  RuleRevised: firstVersion(RuleRevisedV1),
  RuleEnabled: firstVersion(RuleEnabledV1),
  RuleDisabled: firstVersion(RuleDisabledV1),
  RuleRemoved: firstVersion(RuleRemovedV1),
  RuleSuspended: firstVersion(RuleSuspendedV1),
  RuleResumed: firstVersion(RuleResumedV1),
  RulesEvaluated: firstVersion(RulesEvaluatedV1),
  RuleActionSucceeded: firstVersion(RuleActionSucceededV1),
  RuleActionFailed: firstVersion(RuleActionFailedV1),
}
