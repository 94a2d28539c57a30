import t from 'tap'
import type { UsageDay, UsageReport } from '../../../domain/analytics/usage-report.ts'
import { createWorkerPool } from '../../../infra/workers/pool.ts'

const pool = createWorkerPool({ maxThreads: 1 })
t.teardown(() => pool[Symbol.asyncDispose]())

t.test('a task runs in a thread and gives back what it found', async (t) => {
  const usage: readonly UsageDay[] = [
    {
      day: '2026-01-01',
      tool: 'a',
      calls: 1,
      errors: 0,
      durationUs: 5_000,
      requestBytes: 1,
      responseBytes: 2,
      buckets: new Map([[80, 1]]),
    },
  ]
  const report = await pool.run<readonly UsageDay[], UsageReport>('summariseUsage', usage)
  t.match(report, { total: { calls: 1, meanMs: 5 }, tools: [{ tool: 'a' }] })
})

t.test('the main thread goes on meanwhile', async (t) => {
  const days = Array.from({ length: 20_000 }, (_, at): UsageDay => {
    const buckets = new Map(Array.from({ length: 10 }, (_, bucket) => [bucket, at]))
    const counts = { calls: 1, errors: 0, durationUs: 1, requestBytes: 1, responseBytes: 1 }
    return { day: `day ${at % 400}`, tool: `tool ${at % 50}`, buckets, ...counts }
  })
  let turns = 0
  const counting = setInterval(() => turns++, 1)
  const report = await pool.run<readonly UsageDay[], UsageReport>('summariseUsage', days)
  clearInterval(counting)
  t.equal(report.total.calls, 20_000)
  t.ok(turns > 0)
})

t.test('an unknown task is an error', async (t) => {
  await t.rejects(pool.run('nothing', 1))
})

t.test(
  'a task that takes all memory of its thread is tried once more, fails, and the next one finds another',
  async (t) => {
    const small = createWorkerPool({ maxThreads: 1, maxMegabytes: 64 })
    t.teardown(() => small[Symbol.asyncDispose]())
    const counts = { calls: 1, errors: 0, durationUs: 1, requestBytes: 1, responseBytes: 1 }
    const usage = (days: number, buckets: number) =>
      Array.from({ length: days }, (_, at): UsageDay => {
        const own = Array.from({ length: buckets }, (_, bucket) => [bucket, at] as const)
        return { day: `day ${at}`, tool: 'a', buckets: new Map(own), ...counts }
      })
    const run = (given: readonly UsageDay[]) =>
      small.run<readonly UsageDay[], UsageReport>('summariseUsage', given)
    // What is given to a thread is copied, and a getter tells each copy.
    let tried = 0
    const tooMuch = Object.defineProperty(usage(4_000, 1_000), 'told', {
      enumerable: true,
      get: () => ++tried,
    })
    await t.rejects(run(tooMuch), { code: 'ERR_WORKER_OUT_OF_MEMORY' })
    t.equal(tried, 2)
    t.equal((await run(usage(2, 1))).total.calls, 2)
  },
)
