import fc from 'fast-check'
import t from 'tap'
import { RuleEngine } from '../../../domain/rules/evaluate.ts'
import type { RuleEvent } from '../../../domain/rules/rule-event.ts'
import { fillBefore, ruleEvent, ruleOf, schemaOf, toolCalled } from '../../support/rules.ts'

const START = Date.parse('2026-01-02T03:04:05.000Z')

/** It fires at every call, with all that its windows say. */
const rule = ruleOf({
  actions: [
    {
      kind: 'command',
      command: 'tell',
      parameters: {
        count: { cel: "count('ToolCalled', '30s')" },
        failed: { cel: "rate('ToolCalled', '20s', it.outcome != 'ok')" },
        sum: { cel: "sum('ToolCalled', '30s', it.durationMs, it.outcome != 'ok')" },
        slow: { cel: "percentile('ToolCalled', '10s', it.durationMs, 0.9)" },
        since: { cel: "count('ToolCalled', '25s since ServerUpdated')" },
      },
      onFailure: 'stop',
    },
  ],
})

/** What a random log is made of: how fast it goes on, and how often something other than a call happens. */
type Shape = { readonly seed: number; readonly meanMs: number; readonly cut: number }

const LENGTH = 1_200

function logOf({ seed, meanMs }: Shape): readonly RuleEvent[] {
  const random = fc.sample(fc.double({ min: 0, max: 1, noNaN: true }), {
    numRuns: 5 * LENGTH,
    seed,
  })
  const next = () => random.pop() ?? 0
  let at = START
  return Array.from({ length: LENGTH }, (_, index) => {
    const kind = next()
    // Clocks that differ, a pause, and at times a clock that is set back.
    const late = kind < 0.1 ? next() * 20_000 : 0
    if (kind > 0.5 && kind < 0.502) at += 45_000
    else if (kind > 0.6 && kind < 0.602) at -= 100_000 + next() * 200_000
    else at += next() * 2 * meanMs
    const installationId = next() < 0.8 ? 'a' : 'b'
    const about = { time: new Date(at - late).toISOString() }
    if (kind > 0.99) return ruleEvent(index, 'ServerUpdated', { installationId }, about)
    if (kind > 0.9) return ruleEvent(index, 'TenantCreated', {}, about)
    const outcome = next() < 0.4 ? 'timeout' : 'ok'
    return toolCalled(index, { installationId, outcome, durationMs: next() * 1_000 }, about)
  })
}

const shape = fc.record({
  seed: fc.nat(),
  meanMs: fc.constantFrom(20, 60, 400),
  cut: fc.integer({ min: 1, max: LENGTH - 1 }),
})

t.test('what windows hold does not depend on when their rule was made', async (t) => {
  fc.assert(
    fc.property(shape, (of) => {
      const log = logOf(of)
      const [old, young] = [new RuleEngine(schemaOf), new RuleEngine(schemaOf)]
      old.define(rule)
      old.enable(rule.ruleId)
      for (const [index, event] of log.entries()) {
        if (index === of.cut) {
          young.define(rule)
          young.enable(rule.ruleId)
        }
        fillBefore(young, log, index)
        const [known, asked] = [old.handle(event), young.handle(event)]
        if (index >= of.cut && JSON.stringify(known) !== JSON.stringify(asked))
          t.same(asked, known, JSON.stringify({ ...of, index }))
      }
      return t.passing()
    }),
    { numRuns: 40 },
  )
})

t.test('an engine that is put away before its windows are filled fills them later', async (t) => {
  const log = [toolCalled(0), toolCalled(1), toolCalled(2), toolCalled(3)]
  const before = new RuleEngine(schemaOf)
  for (const event of log.slice(0, 2)) before.handle(event)
  const third = ruleOf({ condition: "count('ToolCalled', '1h') == 3" })
  before.define(third)
  before.enable(third.ruleId)
  const after = new RuleEngine(schemaOf)
  after.restore(JSON.parse(JSON.stringify(before.data())))
  t.equal(fillBefore(after, log, 2), 2, 'with what happened')
  t.match(after.handle(log[2] as RuleEvent), { rules: [{ verdict: 'matched' }] })
  t.equal(fillBefore(after, log, 3), undefined, 'once')
  t.match(after.handle(log[3] as RuleEvent), { rules: [{ verdict: 'not-matched' }] })
})

t.test('windows are filled when a rule is asked that needs them, and not before', async (t) => {
  const log = [toolCalled(0), ruleEvent(1, 'TenantCreated', {}), toolCalled(2)]
  const engine = new RuleEngine(schemaOf)
  engine.handle(log[0] as RuleEvent)
  const off = ruleOf({ condition: "count('ToolCalled', '1h') == 2" })
  engine.define(off)
  t.equal(fillBefore(engine, log, 2), undefined, 'it is off')
  engine.enable(off.ruleId)
  t.equal(fillBefore(engine, log, 1), undefined, 'it does not listen')
  t.equal(fillBefore(engine, log, 2), 1)
})

t.test('after a clock was set back nothing is read of what was before', async (t) => {
  const at = (seconds: number) => ({ time: new Date(START + seconds * 1_000).toISOString() })
  const log = Array.from({ length: 210 }, (_, index) =>
    toolCalled(index, {}, at(index < 200 ? index : index - 100)),
  )
  const [old, young] = [new RuleEngine(schemaOf), new RuleEngine(schemaOf)]
  const counting = ruleOf({ condition: "count('ToolCalled', '20s') == 10" })
  old.define(counting)
  old.enable(counting.ruleId)
  for (const event of log.slice(0, -1)) for (const each of [old, young]) each.handle(event)
  young.define(counting)
  young.enable(counting.ruleId)
  t.equal(fillBefore(young, log, log.length - 1), 9)
  const last = log.at(-1) as RuleEvent
  t.match(old.handle(last), { rules: [{ verdict: 'matched' }] })
  t.match(young.handle(last), { rules: [{ verdict: 'matched' }] })
})
