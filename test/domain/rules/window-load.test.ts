import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { RuleEngine } from '../../../domain/rules/evaluate.ts'
import { WindowLoad } from '../../../domain/rules/window-load.ts'
import { ruleOf, schemaOf, toolCalled } from '../../support/rules.ts'

const PARTS = 4
const MAX = 700

type Event = { readonly part: number; readonly subject: string }

const log = fc
  .array(
    fc.record({
      step: fc.constantFrom(0, 0, 0, 1, 2),
      subject: fc.constantFrom('a', 'a', 'a', 'a', 'a', 'b', 'b', 'c'),
      times: fc.constantFrom(1, 1, 40, 130, 400),
    }),
    { maxLength: 60 },
  )
  .map((steps) => {
    let part = 0
    return steps.flatMap(({ step, subject, times }): Event[] => {
      part += step
      return Array.from({ length: times }, () => ({ part, subject }))
    })
  })

/** As a window counts: it forgets subjects whose last event is in no part that is kept. */
function counted(events: readonly Event[], load = new WindowLoad(undefined, MAX)): WindowLoad {
  const last = new Map<string, number>()
  for (const { part, subject } of events) {
    load.add(part, last.get(subject), part - PARTS)
    last.set(subject, part)
    for (const [each, at] of last) if (at < load.first) last.delete(each)
  }
  return load
}

/** The first part from which on everything can be kept, by looking at everything. */
function firstOf(events: readonly Event[]): number {
  const now = events.at(-1)?.part ?? 0
  for (let first = now - PARTS; ; first++) {
    const kept = events.filter(({ part }) => part >= first)
    const subjects = new Set(kept.map(({ subject }) => subject)).size
    const pairs = new Set(kept.map(({ part, subject }) => `${part} ${subject}`)).size
    if (Math.min(kept.length, pairs + 256 * subjects) <= MAX) return first
  }
}

t.test(
  'what can be kept follows from the events that did not expire, whenever counting began',
  async () => {
    fc.assert(
      fc.property(log, fc.nat(), (events, cut) => {
        const oldest = (events.at(-1)?.part ?? 0) - PARTS
        const first = firstOf(events)
        assert.equal(Math.max(counted(events).first, oldest), first)
        const recent = events.filter(({ part }) => part >= oldest)
        assert.equal(Math.max(counted(recent).first, oldest), first, 'from recent ones')
        const half = cut % (events.length + 1)
        const before = counted(events.slice(0, half))
        const { first: known, parts } = JSON.parse(JSON.stringify(before.data()))
        assert.deepEqual(new WindowLoad({ first: known, parts }, MAX).data(), before.data())
      }),
      { numRuns: 500 },
    )
  },
)

t.test('where a window is too large the evaluation fails, and says why', async (t) => {
  const engine = new RuleEngine(schemaOf)
  const rule = ruleOf({ condition: "event.data.outcome == 'ok' && count('ToolCalled', '1h') > 0" })
  engine.define(rule)
  const time = '2026-01-02T03:04:05.000Z'
  const call = (index: number) =>
    engine.handle(toolCalled(index, { installationId: `i${index}` }, { time }))
  for (let index = 0; index < 200_001; index++) call(index)
  engine.enable(rule.ruleId)
  const reason = /too large: .* 200,000 entries.* \(line 1, column 31\)/
  t.match(call(200_001), { rules: [{ verdict: 'failed', reason }] })
})
