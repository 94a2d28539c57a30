import t from 'tap'
import { accept } from '../../../domain/kernel/decider.ts'
import type { RuleLifeEvent } from '../../../domain/rules/events.ts'
import { rule } from '../../../domain/rules/rule.ts'
import type { RuleSettings } from '../../../domain/rules/rule-settings.ts'
import { given } from '../../support/given.ts'

const history = given(rule)
const ruleId = '11111111-1111-4111-8111-111111111111'
const now = '2026-01-02T03:04:05.000Z'
const author = { actorId: 'key:ann', scopes: ['rules:write'] }
const settings: RuleSettings = {
  ...{ name: 'Errors', on: ['ToolCalled'], condition: 'true', actions: [] },
  ...{ priority: 0, stopAfter: false, budgetPerMinute: 60 },
}
const changed = { ...settings, condition: 'false' }
const at = { ruleId, now }

const defined: RuleLifeEvent = {
  type: 'RuleDefined',
  data: { ruleId, version: 1, settings, author, definedAt: now },
}
const revised: RuleLifeEvent = {
  type: 'RuleRevised',
  data: { ruleId, version: 2, settings: changed, author, revisedAt: now },
}
const enabled: RuleLifeEvent = { type: 'RuleEnabled', data: { ruleId, enabledAt: now } }
const removed: RuleLifeEvent = { type: 'RuleRemoved', data: { ruleId, removedAt: now } }
const about = { version: 1, eventId: ruleId, reason: 'Too often.' }
const suspended: RuleLifeEvent = {
  type: 'RuleSuspended',
  data: { ruleId, ...about, suspendedAt: now },
}
const define = { type: 'DefineRule', ...at, settings, author } as const
const expectedVersion = undefined
const revise = { type: 'ReviseRule', ...at, settings: changed, author, expectedVersion } as const
const enable = { type: 'EnableRule', ...at } as const
const suspend = { type: 'SuspendRule', ...at, ...about } as const

t.test('a rule is off until it is switched on', async (t) => {
  t.same(history().when(define), accept(defined))
  t.same(history(defined).when(enable), accept(enabled))
  t.same(history(defined, enabled).when(enable), accept())
})

t.test('defining it again changes nothing, with other settings it is refused', async (t) => {
  const reordered = Object.fromEntries(Object.entries(settings).reverse()) as RuleSettings
  t.same(history(defined).when({ ...define, settings: reordered }), accept())
  t.match(history(defined).when({ ...define, settings: changed }), {
    rejection: { kind: 'conflict', code: 'rule-exists' },
  })
})

t.test('a revision is another version, unless somebody was faster', async (t) => {
  t.same(history(defined).when(revise), accept(revised))
  t.same(history(defined, revised).when(revise), accept())
  t.match(history(defined, revised).when({ ...revise, settings, expectedVersion: 1 }), {
    rejection: { kind: 'conflict', code: 'rule-changed' },
  })
  t.match(history(defined).when({ ...revise, settings: { ...settings, name: 'Other' } }), {
    rejection: { kind: 'invalid', code: 'rule-name-fixed' },
  })
  t.match(history().when(revise), { rejection: { kind: 'not-found', code: 'rule-not-found' } })
})

t.test('a rule that fires too often is suspended until it is switched on again', async (t) => {
  t.same(history(defined, enabled).when(suspend), accept(suspended))
  t.same(history(defined, enabled, suspended).when(suspend), accept(), 'once')
  t.same(history(defined, enabled, revised).when(suspend), accept(), 'not another version')
  t.same(
    history(defined, enabled, suspended).when(enable),
    accept({ type: 'RuleResumed', data: { ruleId, resumedAt: now } }),
  )
})

t.test('a removed rule can be defined anew, and its version goes on', async (t) => {
  t.same(history(defined).when({ type: 'RemoveRule', ...at }), accept(removed))
  t.same(history(defined, removed).when({ type: 'RemoveRule', ...at }), accept())
  t.match(history(defined, enabled, removed).when(enable), {
    rejection: { code: 'rule-not-found' },
  })
  t.match(history(defined, enabled, removed).when(define), {
    events: [{ type: 'RuleDefined', data: { version: 2 } }],
  })
})
