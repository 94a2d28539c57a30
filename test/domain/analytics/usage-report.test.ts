import t from 'tap'
import { type UsageDay, usageReport } from '../../../domain/analytics/usage-report.ts'
import { bucketOf } from '../../../domain/kernel/duration-sketch.ts'

function use(day: string, tool: string, durations: readonly number[], errors = 0): UsageDay {
  const buckets = new Map<number, number>()
  for (const ms of durations) buckets.set(bucketOf(ms), (buckets.get(bucketOf(ms)) ?? 0) + 1)
  return {
    day,
    tool,
    calls: durations.length,
    errors,
    durationUs: durations.reduce((sum, ms) => sum + ms * 1_000, 0),
    requestBytes: 10 * durations.length,
    responseBytes: 100 * durations.length,
    buckets,
  }
}

t.test('without a call there are zeros, and no durations', async (t) => {
  t.match(usageReport([]), {
    total: { calls: 0, errors: 0, errorRate: 0, meanMs: null, p50Ms: null, p99Ms: null },
    days: [],
    tools: [],
  })
})

t.test('days are in order, the most used tool is first', async (t) => {
  const report = usageReport([
    use('2026-01-02', 'rare', [1]),
    use('2026-01-02', 'often', [1, 1]),
    use('2026-01-01', 'often', [1]),
  ])
  t.same(
    report.days.map(({ day, calls }) => [day, calls]),
    [
      ['2026-01-01', 1],
      ['2026-01-02', 3],
    ],
  )
  t.same(
    report.tools.map(({ tool, calls }) => [tool, calls]),
    [
      ['often', 3],
      ['rare', 1],
    ],
  )
})

t.test('percentiles are of all calls together, not means of percentiles', async (t) => {
  const { total } = usageReport([
    use('2026-01-01', 'a', Array(99).fill(10), 1),
    use('2026-01-02', 'b', [1_000]),
  ])
  t.match(total, { calls: 100, errors: 1, errorRate: 0.01, meanMs: 19.9 })
  t.ok(Math.abs((total.p50Ms ?? 0) - 10) < 0.2)
  t.ok(Math.abs((total.p99Ms ?? 0) - 10) < 0.2)
  const { total: twice } = usageReport([use('2026-01-01', 'a', [10, 1_000, 1_000])])
  t.ok(Math.abs((twice.p50Ms ?? 0) - 1_000) < 20)
})
