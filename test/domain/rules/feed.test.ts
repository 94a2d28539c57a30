import t from 'tap'
import { RuleEngine } from '../../../domain/rules/evaluate.ts'
import { feed, type LoggedEvent } from '../../../domain/rules/feed.ts'
import { ruleEvent, ruleOf, schemaOf } from '../../support/rules.ts'

const meta = { revision: 0n, tenantId: 'acme', correlationId: 'c' }

function logged(index: number, type: string, data: LoggedEvent['data']): LoggedEvent {
  return { ...meta, ...ruleEvent(index, type, data) }
}

t.test(
  'rules listen to a tenant’s own events by their own names, subject by subject',
  async (t) => {
    const engine = new RuleEngine(schemaOf)
    const rule = ruleOf({
      on: ['custom.InvoicePaid'],
      condition: "event.data.amount > 10.0 && count('custom.InvoicePaid', '1h') >= 2",
    })
    const paid = (index: number, subject: string, amount: number) =>
      logged(index, 'CustomEventEmitted', {
        name: 'InvoicePaid',
        version: 1,
        subject,
        data: { amount },
        emittedAt: '2026-01-01T00:00:00.000Z',
      })
    feed(engine, logged(0, 'RuleDefined', { ...rule }))
    feed(engine, logged(1, 'RuleEnabled', { ruleId: rule.ruleId }))
    const answers = [paid(2, 'a', 20), paid(3, 'b', 20), paid(4, 'a', 20), paid(5, 'a', 5)]
    t.match(
      answers.map((event) => feed(engine, event)),
      [
        { eventType: 'custom.InvoicePaid', subject: 'a', rules: [{ verdict: 'not-matched' }] },
        { subject: 'b', rules: [{ verdict: 'not-matched' }] },
        { subject: 'a', rules: [{ verdict: 'matched' }] },
      ],
    )
    t.equal(feed(engine, paid(6, 'a', 5)), undefined, 'it is below the bound')
  },
)

t.test('a rule counts from the event after the one that enables it', async (t) => {
  const engine = new RuleEngine(schemaOf)
  const rule = ruleOf({ on: ['RuleEnabled'] })
  feed(engine, logged(0, 'RuleDefined', { ...rule }))
  t.equal(feed(engine, logged(1, 'RuleEnabled', { ruleId: rule.ruleId })), undefined)
  t.match(feed(engine, logged(2, 'RuleEnabled', { ruleId: 'another' })), {
    subject: 'another',
    rules: [{ verdict: 'matched' }],
  })
})

t.test('rules do not hear of what they do themselves', async (t) => {
  const engine = new RuleEngine(schemaOf)
  feed(engine, logged(0, 'RuleDefined', { ...ruleOf({ on: ['RulesEvaluated'] }) }))
  feed(engine, logged(1, 'RuleEnabled', { ruleId: ruleOf().ruleId }))
  t.equal(feed(engine, logged(2, 'RulesEvaluated', {})), undefined)
})
