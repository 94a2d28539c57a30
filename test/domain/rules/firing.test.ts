import t from 'tap'
import type { OwedAction } from '../../../domain/rules/evaluation.ts'
import type { RuleActionEvent } from '../../../domain/rules/events.ts'
import { firing, nextAction, pauseAfter, skippedAfter } from '../../../domain/rules/firing.ts'
import { given } from '../../support/given.ts'

const id = '11111111-1111-4111-8111-111111111111'
const now = '2026-01-02T03:04:05.000Z'
const later = '2026-01-02T03:05:00.000Z'
const of = { evaluationId: id, ruleId: id, version: 1, action: 'sync' }
const action = (onFailure: 'stop' | 'continue'): OwedAction => ({
  ...{ kind: 'command', command: 'sync', parameters: {} },
  onFailure,
})
const actions = [action('continue'), action('stop'), action('stop')]
const succeeded = (index: number, attempt = 1): RuleActionEvent => ({
  type: 'RuleActionSucceeded',
  data: { ...of, index, attempt, result: {}, succeededAt: now },
})
const failed = (index: number, attempt: number, more: object): RuleActionEvent => ({
  type: 'RuleActionFailed',
  data: { ...of, index, attempt, code: 'away', cause: 'Away.', failedAt: now, ...more },
})
const after = (...events: readonly RuleActionEvent[]) =>
  nextAction(actions, events.reduce(firing.evolve, firing.initial))

t.test('actions are owed one after the other, then none', async (t) => {
  t.match(after(), { index: 0, attempt: 1, notBefore: undefined })
  t.match(after(succeeded(0)), { index: 1, attempt: 1 })
  t.equal(after(succeeded(0), succeeded(1), succeeded(2)), undefined)
})

t.test('a failed action is owed again later, until it is given up', async (t) => {
  const retried = failed(0, 1, { retryAt: later })
  t.match(after(retried), { index: 0, attempt: 2, notBefore: later })
  t.match(after(retried, failed(0, 2, {})), { index: 1, attempt: 1, notBefore: undefined })
})

t.test('where the chain stops at a failure, nothing more is owed', async (t) => {
  t.same(skippedAfter(actions, 0), [])
  t.same(skippedAfter(actions, 1), [2])
  t.equal(after(succeeded(0), failed(1, 1, { skipped: [2] })), undefined)
})

t.test('what was recorded before is not recorded again', async (t) => {
  const success = { type: 'RecordSuccess', ...of, index: 0, attempt: 1, result: {} } as const
  const record = { ...success, succeededAt: now }
  t.same(given(firing)().when(record), { outcome: 'accepted', events: [succeeded(0)] })
  t.same(given(firing)(succeeded(0)).when(record), { outcome: 'accepted', events: [] })
  t.same(given(firing)(failed(0, 1, { retryAt: later })).when(record), {
    outcome: 'accepted',
    events: [],
  })
})

t.test('pauses grow, and end', async (t) => {
  const pauses = [1, 2, 3, 4, 5].map((attempt) => pauseAfter(attempt, 0))
  t.same(pauses, [1_000, 5_000, 30_000, 120_000, 300_000])
  t.equal(pauseAfter(1, 1), 1_200)
  t.equal(pauseAfter(6, 0), undefined)
})
