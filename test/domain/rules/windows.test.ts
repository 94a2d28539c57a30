import fc from 'fast-check'
import t from 'tap'
import { ExpressionCompiler } from '../../../domain/rules/condition/condition.ts'
import { LogClock } from '../../../domain/rules/log-clock.ts'
import { windowScope } from '../../../domain/rules/rule-scope.ts'
import { parseSpan, windowSpec } from '../../../domain/rules/window-spec.ts'
import { Windows } from '../../../domain/rules/windows.ts'
import { schemaOf, toolCalled } from '../../support/rules.ts'

const compiler = new ExpressionCompiler()
const scope = windowScope('ToolCalled', schemaOf)

function compiled(text: string | undefined) {
  if (text === undefined) return undefined
  const result = compiler.compile(text, scope, 'any')
  if ('error' in result) throw new Error(result.error.message)
  return result.expression
}

function newWindows(): Windows {
  return new Windows(({ filter, value }) => ({ filter: compiled(filter), value: compiled(value) }))
}

const spec = windowSpec({
  type: 'ToolCalled',
  durationMs: 60_000,
  since: 'ServerUpdated',
  filter: "it.outcome != 'ok'",
  value: 'it.durationMs',
})
const plain = windowSpec({ ...spec, since: undefined })

type Step = {
  /** Since the step before; below zero the clock was set back. */
  readonly ms: number
  readonly subject: string
  readonly kind: 'failed' | 'ok' | 'updated'
  readonly value: number
}
type Seen = { readonly time: number; readonly epoch: number; readonly step: Step }

const step: fc.Arbitrary<Step> = fc.record({
  ms: fc.oneof(
    { weight: 8, arbitrary: fc.nat(9).map((seconds) => seconds * 1_000) },
    { weight: 1, arbitrary: fc.integer({ min: -30, max: 120 }).map((seconds) => seconds * 1_000) },
    { weight: 1, arbitrary: fc.constant(-500_000) },
  ),
  subject: fc.constantFrom('a', 'b'),
  kind: fc.constantFrom('failed', 'failed', 'ok', 'ok', 'updated'),
  value: fc.integer({ min: 0, max: 500 }),
})

function advance(clock: LogClock, ms: number): void {
  clock.advance({ time: new Date(ms).toISOString(), position: 0n })
}

/** Applies steps one after the other. @returns when each happened by its own time. */
function apply(windows: Windows, clock: LogClock, steps: readonly Step[], start: number): Seen[] {
  let time = start
  return steps.map((each) => {
    time += each.ms
    advance(clock, time)
    const type = each.kind === 'updated' ? 'ServerUpdated' : 'ToolCalled'
    const data = { outcome: each.kind === 'failed' ? 'timeout' : 'ok', durationMs: each.value }
    windows.apply({ type, data }, each.subject, clock)
    return { time, epoch: clock.epoch, step: each }
  })
}

/** The same by looking at everything that happened. */
function recomputed(
  seen: readonly Seen[],
  subject: string,
  { now, epoch }: LogClock,
  since: boolean,
) {
  let at = 0
  const within: Seen[] = []
  for (const each of seen) {
    if (each.epoch !== epoch || (each.step.kind === 'updated' && !since)) continue
    // Of the window's own events the newest one so far is its clock.
    at = Math.max(at, each.time)
    if (each.step.subject === subject && at > now - 60_000) within.push(each)
  }
  const updated = within.findLastIndex(({ step: { kind } }) => kind === 'updated')
  const from = since ? (updated === -1 ? within.length : updated) : 0
  const calls = within.slice(from).filter(({ step: { kind } }) => kind !== 'updated')
  const values = calls
    .filter(({ step: { kind } }) => kind === 'failed')
    .map(({ step }) => step.value)
  const sorted = values.toSorted((a, b) => a - b)
  return {
    total: calls.length,
    matched: values.length,
    sum: values.reduce((sum, value) => sum + value, 0),
    p90: sorted[Math.max(0, Math.ceil(0.9 * sorted.length) - 1)] ?? 0,
  }
}

function readingOf(windows: Windows, clock: LogClock, subject: string, of: typeof spec) {
  const window = windows.acquire(of, true)
  const reading = window.read(subject, clock)
  const { total, matched } = reading
  const answer = { total, matched, sum: reading.sum(), p90: reading.percentile(0.9) }
  windows.release(of)
  return answer
}

t.test(
  'kept as events come, restored, or recomputed from all events: a window is the same',
  async (t) => {
    const start = Date.parse('2026-01-01T00:00:00Z')
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.nat(80), (steps, cut) => {
        const clock = new LogClock()
        const kept = newWindows()
        for (const of of [spec, plain]) kept.acquire(of, true)
        const before = apply(kept, clock, steps.slice(0, cut), start)
        const restored = newWindows()
        for (const of of [spec, plain]) restored.acquire(of, true)
        const restoredClock = new LogClock()
        restoredClock.restore(JSON.parse(JSON.stringify(clock.data())))
        restored.restore(JSON.parse(JSON.stringify(kept.data(clock))), restoredClock)
        const later = start + steps.slice(0, cut).reduce((sum, { ms }) => sum + ms, 0)
        const seen = [...before, ...apply(kept, clock, steps.slice(cut), later)]
        apply(restored, restoredClock, steps.slice(cut), later)
        for (const subject of ['a', 'b'])
          for (const of of [spec, plain]) {
            const expected = recomputed(seen, subject, clock, of.since !== undefined)
            t.same(readingOf(kept, clock, subject, of), expected)
            t.same(readingOf(restored, restoredClock, subject, of), expected)
          }
        return t.passing()
      }),
      { numRuns: 300 },
    )
  },
)

t.test('beyond 256 events a window is off by the events of a 128th of its duration', async (t) => {
  const [windows, clock] = [newWindows(), new LogClock()]
  const window = windows.acquire(plain, true)
  const times: number[] = []
  for (let index = 0; index < 5_000; index++) {
    advance(clock, index * 17)
    times.push(clock.now)
    const data = { outcome: 'timeout', durationMs: 1 + (index % 1_000) }
    windows.apply({ type: 'ToolCalled', data }, 'a', clock)
    const exact = times.filter((time) => time > clock.now - 60_000).length
    const counted = window.read('a', clock).matched
    if (counted < exact || counted > exact + 60_000 / 128 / 17 + 1)
      t.fail(`${counted} instead of ${exact}`)
  }
  t.ok(window.size <= 385)
  const p50 = window.read('a', clock).percentile(0.5)
  const values = times.flatMap((time, index) =>
    time > clock.now - 60_000 ? 1 + (index % 1_000) : [],
  )
  const exact = values.toSorted((a, b) => a - b)[Math.ceil(values.length / 2) - 1] ?? 0
  t.ok(Math.abs(p50 / exact - 1) < 0.02, `the median is ${p50} instead of ${exact}`)
})

t.test('a window that holds too much says so, until what was too much is over', async (t) => {
  const [windows, clock] = [newWindows(), new LogClock()]
  const many = windowSpec({ ...plain, filter: undefined, value: undefined })
  const window = windows.acquire(many, true)
  const call = (subject: string, ms: number) => {
    advance(clock, ms)
    windows.apply({ type: 'ToolCalled', data: {} }, subject, clock)
  }
  for (let index = 0; index < 200_000; index++) call(`s${index}`, index / 10)
  t.equal(window.read('s0', clock).matched, 1)
  call('more', 20_001)
  t.match(window.read('s0', clock).fault, /more than 200,000 entries/)
  t.match(window.read('more', clock).fault, /more than 200,000 entries/, 'whomever it is about')
  t.ok(window.size <= 200_000)
  const restored = newWindows().acquire(many, true)
  restored.restore(JSON.parse(JSON.stringify(window.data(clock))), clock)
  for (const ms of [59_000, 62_000, 80_500]) {
    advance(clock, ms)
    const { matched, fault } = window.read('more', clock)
    t.same([matched, fault], ms < 60_500 ? [0, fault] : [ms < 80_001 ? 1 : 0, undefined], `${ms}`)
    t.same(restored.read('more', clock).fault, fault)
  }
})

t.test('rules that ask for the same window share it, and the last one takes it away', async (t) => {
  const windows = newWindows()
  const window = windows.acquire(spec, true)
  t.equal(windows.acquire(spec, true), window)
  windows.release(spec)
  t.equal(windows.sizes().windows, 1)
  windows.release(spec)
  t.equal(windows.sizes().windows, 0)
})

t.test('an event without the value that is asked for does not count', async (t) => {
  const [windows, clock] = [newWindows(), new LogClock()]
  const window = windows.acquire(windowSpec({ ...plain, filter: undefined }), true)
  windows.apply(toolCalled(0, { durationMs: undefined }), 'a', clock)
  windows.apply(toolCalled(1), 'a', clock)
  t.equal(window.read('a', clock).total, 1)
})

t.test('a span is a count and a unit, of a second to seven days', async (t) => {
  t.same(parseSpan('10m'), { durationMs: 600_000, since: undefined })
  t.same(parseSpan('7d since ServerUpdated'), { durationMs: 604_800_000, since: 'ServerUpdated' })
  for (const text of ['', '10', '0s', '8d', '10 m', '10m since', '1w', '-1m'])
    t.equal(parseSpan(text), undefined, text)
})
