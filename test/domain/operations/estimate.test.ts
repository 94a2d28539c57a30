import fc from 'fast-check'
import t from 'tap'
import { estimate } from '../../../domain/operations/estimate.ts'

t.test('what is left takes as long for its share as what was done', async (t) => {
  t.same(estimate({ events: 5_000, share: 0.25, elapsedMs: 2_000 }), {
    percent: 25,
    totalEvents: 20_000,
    eventsPerSecond: 2_500,
    secondsLeft: 6,
  })
})

t.test('before the first event nothing is known, at the end all is', async (t) => {
  t.same(estimate({ events: 0, share: 0, elapsedMs: 0 }), { percent: 0, eventsPerSecond: 0 })
  t.same(estimate({ events: 7, share: 1, elapsedMs: 1_000 }), {
    ...{ percent: 100, totalEvents: 7, eventsPerSecond: 7, secondsLeft: 0 },
  })
})

t.test(
  'it never says that it is done before it is, nor that there are fewer than it saw',
  async (t) => {
    const done = fc.record({
      events: fc.nat(10_000_000),
      share: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      elapsedMs: fc.nat(10_000_000),
    })
    fc.assert(
      fc.property(done, (so) => {
        const { percent, totalEvents = so.events, secondsLeft = 0 } = estimate(so)
        return percent < 100 && totalEvents >= so.events && secondsLeft >= 0
      }),
    )
    t.pass()
  },
)
