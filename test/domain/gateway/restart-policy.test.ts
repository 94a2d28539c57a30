import fc from 'fast-check'
import t from 'tap'
import { afterFailure, RESTART_POLICY } from '../../../domain/gateway/restart-policy.ts'

const SECOND = 1_000

t.test('the delay doubles with every failure in the window', async (t) => {
  const delays: number[] = []
  let failures: readonly number[] = []
  for (let at = 0; at < 4; at++) {
    const next = afterFailure(RESTART_POLICY, failures, at * SECOND, 1)
    failures = next.failures
    if (next.step === 'restart') delays.push(next.delayMs)
  }
  t.same(delays, [250, 500, 1_000, 2_000])
})

t.test('the fifth failure within a minute is the last one', async (t) => {
  const earlier = [0, 1, 2, 3].map((at) => at * SECOND)
  t.match(afterFailure(RESTART_POLICY, earlier, 59 * SECOND, 0), { step: 'quarantine' })
  t.match(afterFailure(RESTART_POLICY, earlier, 61 * SECOND, 0), {
    step: 'restart',
    failures: [2_000, 3_000, 61_000],
  })
})

t.test('jitter takes at most half of the delay, and the delay has a ceiling', async (t) => {
  const patient = { ...RESTART_POLICY, maxFailures: Number.POSITIVE_INFINITY }
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 59_000 }), { maxLength: 40 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (earlier, jitter) => {
        const next = afterFailure(patient, earlier, 59_000, jitter)
        if (next.step !== 'restart') return false
        const full = Math.min(30_000, 250 * 2 ** earlier.length)
        return next.delayMs >= Math.floor(full / 2) && next.delayMs <= full
      },
    ),
  )
  t.pass()
})
