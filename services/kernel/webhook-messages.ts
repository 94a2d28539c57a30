import { Type } from 'typebox'
import { CloudEvent } from './cloud-event.ts'

// What webhooks are sent besides events of the log.

/** Looks like an event, but never happened: position 0 is before every event. */
export const WebhookTest = Type.Object(
  {
    ...CloudEvent.properties,
    type: Type.Literal('WebhookTest'),
    data: Type.Object({ webhookId: Type.String({ format: 'uuid' }) }),
  },
  { description: 'Sent when somebody tries a webhook; it has no place in the log.' },
)

const { specversion, id, time, datacontenttype, tenantid, correlationid, causationid } =
  CloudEvent.properties

/** A rule matched, and calling this webhook is what it owes. */
export const RuleFired = Type.Object(
  {
    ...{ specversion, id, time, datacontenttype, tenantid, correlationid, causationid },
    source: Type.Literal('/tidemark/rules'),
    type: Type.Literal('RuleFired'),
    subject: Type.String({ description: 'the rule' }),
    data: Type.Object({
      ruleId: Type.String({ format: 'uuid' }),
      version: Type.Integer({ description: 'of the rule' }),
      event: Type.Object(
        { id: Type.String({ format: 'uuid' }), type: Type.String(), subject: Type.String() },
        { description: 'that it matched' },
      ),
      values: Type.Array(Type.Object({ path: Type.String(), value: Type.Unknown() }), {
        description: 'what the condition read',
      }),
      parameters: Type.Record(Type.String(), Type.Unknown(), {
        description: 'of the action, as the rule computes them',
      }),
    }),
  },
  { description: 'Sent for an action of a rule; what became of it is in the log.' },
)
