import fc from 'fast-check'
import t from 'tap'
import { nextAttempt, RETRY_WINDOW_MS } from '../../../domain/webhooks/retry-schedule.ts'

const HOUR = 3_600_000
const firstAttemptAt = new Date('2026-01-02T03:04:05.000Z')
const after = (ms: number) => new Date(firstAttemptAt.getTime() + ms)

/** When a message that nobody takes is sent, in ms after the first time. */
function attempts(random: () => number, retryAfterMs?: number): number[] {
  const times = [0]
  for (;;) {
    const now = after(times.at(-1) ?? 0)
    const next = nextAttempt({
      ...{ attempts: times.length, firstAttemptAt, now, retryAfterMs, random: random() },
    })
    if (next === undefined) return times
    times.push(next.getTime() - firstAttemptAt.getTime())
  }
}

t.test('delays grow from seconds to hours, and the last attempt ends the window', async (t) => {
  const times = attempts(() => 0.5)
  t.same(times.slice(0, 5), [0, 5_000, 20_000, 65_000, 200_000])
  t.equal(times.at(-1), RETRY_WINDOW_MS)
  t.ok(times.length >= 12 && times.length <= 15, `${times.length} attempts`)
})

t.test(
  'whatever chance says, attempts are bounded, grow apart and never go on beyond the window',
  async (t) => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
          minLength: 30,
          maxLength: 30,
        }),
        (chances) => {
          const left = [...chances]
          const times = attempts(() => left.shift() ?? 0.5)
          const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0))
          return (
            times.length <= 17 &&
            times.at(-1) === RETRY_WINDOW_MS &&
            gaps.every((gap) => gap >= 1 && gap <= 4.8 * HOUR + 1)
          )
        },
      ),
    )
    t.pass()
  },
)

t.test('the time that a receiver asks for is waited for, within reason', async (t) => {
  const failed = { attempts: 1, firstAttemptAt, now: firstAttemptAt, random: 0.5 }
  t.same(nextAttempt({ ...failed, retryAfterMs: HOUR }), after(HOUR))
  t.same(nextAttempt({ ...failed, retryAfterMs: 1 }), after(5_000))
  t.same(nextAttempt({ ...failed, retryAfterMs: 1_000 * RETRY_WINDOW_MS }), after(RETRY_WINDOW_MS))
  const late = { ...failed, now: after(RETRY_WINDOW_MS - 1_000) }
  t.same(nextAttempt({ ...late, retryAfterMs: HOUR }), after(RETRY_WINDOW_MS - 1_000 + HOUR))
})
