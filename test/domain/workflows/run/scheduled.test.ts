import fc from 'fast-check'
import t from 'tap'
import type { Json } from '../../../../domain/kernel/json.ts'
import type { EventConsumption } from '../../../../domain/workflows/document-events.ts'
import {
  EMPTY_SET,
  inputOf,
  type ScheduledSet,
  scheduledTypes,
  takeScheduled,
} from '../../../../domain/workflows/run/scheduled.ts'

const at = '2026-01-01T00:00:00.000Z'
type Heard = readonly [type: string, data?: Json]

/** What runs begin with: each event goes to the oldest set that takes it. */
function begun(on: EventConsumption, ...events: readonly Heard[]): (readonly Json[])[] {
  const runs: (readonly Json[])[] = []
  let open: ScheduledSet[] = []
  for (const [index, [type, data = index]] of events.entries()) {
    const incoming = { id: String(index), type, data }
    for (const set of [...open, EMPTY_SET]) {
      const taken = takeScheduled(on, set, incoming, at)
      if (taken === undefined) continue
      open = [...open.filter((each) => each !== set), ...(taken.isComplete ? [] : [taken.set])]
      if (taken.isComplete) runs.push(inputOf(taken.set))
      break
    }
  }
  return runs
}

const a = { with: { type: 'a' } }
const b = { with: { type: 'b' } }

t.test('a schedule means an event that has what it expects', async (t) => {
  const means = (expect: string, data: object) => {
    const correlate = { k: { from: '.data.k', expect } }
    return begun({ one: { ...a, correlate } }, ['a', { ...data }]).length === 1
  }
  t.ok(means('x', { k: 'x' }))
  t.ok(means('${ 3 + 4 }', { k: 7 }))
  t.notOk(means('x', { k: 'y' }))
  t.notOk(means('x', {}))
  t.notOk(means('${ error }', { k: 'x' }))
  const large = { with: { type: 'a', data: '${ .n > 5 }' } }
  t.same(begun({ one: large }, ['a', { n: 5 }], ['a', { n: 6 }], ['a']), [[{ n: 6 }]])
})

t.test('each of one or any starts a run, all start one together', async (t) => {
  t.same(begun({ one: a }, ['a'], ['b'], ['a']), [[0], [2]])
  t.same(begun({ any: [a, b] }, ['a'], ['b'], ['c']), [[0], [1]])
  t.same(begun({ all: [a, b] }, ['a'], ['a'], ['b'], ['b'], ['b']), [
    [0, 2],
    [1, 3],
  ])
})

t.test('events that start a run together agree with the first of them', async (t) => {
  const correlate = { order: { from: '.data.order' } }
  const all = [
    { ...a, correlate },
    { ...b, correlate },
  ]
  const [one, two] = [{ order: 1 }, { order: 2 }]
  t.same(begun({ all }, ['a', one], ['a', two], ['b', two], ['b', one]), [
    [two, two],
    [one, one],
  ])
})

t.test('any gathers until a condition holds or an event comes', async (t) => {
  t.same(begun({ any: [a], until: 'length == 2' }, ['a'], ['b'], ['a'], ['a'], ['a']), [
    [0, 2],
    [3, 4],
  ])
  t.same(begun({ any: [a], until: { one: b } }, ['b'], ['a'], ['a'], ['b'], ['b']), [[1, 2]])
  const both = { all: [b, { with: { type: 'c' } }] }
  t.same(begun({ any: [a], until: both }, ['a'], ['b'], ['b'], ['a'], ['c']), [[0, 3]])
  t.same(begun({ any: [], until: { any: [b] } }, ['x'], ['y'], ['b']), [[0, 1]])
  t.same(begun({ any: [a], until: 'error' }, ['a'], ['a']), [], 'it never holds')
})

t.test('an event is in one run at most, and none in a run twice', async () => {
  const types = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 30 })
  const schedules = fc.constantFrom<EventConsumption>(
    { all: [a, b] },
    { any: [a, b], until: 'length == 3' },
    { any: [a], until: { one: b } },
  )
  fc.assert(
    fc.property(schedules, types, (on, all) => {
      const events = all.map((type): Heard => [type])
      const started = begun(on, ...events).flat()
      return new Set(started).size === started.length
    }),
  )
})

t.test('the types that it listens to are those of its end, too', async (t) => {
  t.same([...scheduledTypes({ any: [a], until: { one: b } })], ['a', 'b'])
  t.same([...scheduledTypes({ all: [a, { with: { source: 'urn:x' } }] })], ['a', ''])
})
