import t from 'tap'
import { bucketOf } from '../../../domain/kernel/duration-sketch.ts'
import { usage } from '../../../projections/analytics/usage.ts'
import { eventMeta } from '../../support/event-meta.ts'

const key = { tenant_id: 'acme', service: 'io.example/x', day: '2026-01-02', tool: 'echo' }

t.test('a call adds to its day in UTC and to one bucket, in whole numbers', async (t) => {
  const changes = usage.changes.ToolCalled?.(
    {
      type: 'ToolCalled',
      data: {
        installationId: '11111111-1111-4111-8111-111111111111',
        serverName: 'io.example/x',
        version: '1.0.0',
        tool: 'echo',
        durationMs: 12.3456,
        outcome: 'timeout',
        requestBytes: 3,
        responseBytes: 4,
        calledAt: '2026-01-02T23:59:59.999Z',
      },
    },
    eventMeta(),
  )
  t.same(changes, [
    {
      table: 'usage_days',
      at: key,
      add: { calls: 1, errors: 1, duration_us: 12_346, request_bytes: 3, response_bytes: 4 },
    },
    { table: 'usage_buckets', at: { ...key, bucket: bucketOf(12.3456) }, add: { calls: 1 } },
  ])
})

t.test('a use that a client reports counts the same', async (t) => {
  const changes = usage.changes.UsageTracked?.(
    {
      type: 'UsageTracked',
      data: {
        serviceId: 'io.example/x',
        tool: 'echo',
        durationMs: 5,
        outcome: 'ok',
        occurredAt: '2026-01-03T00:30:00+01:00',
      },
    },
    eventMeta(),
  )
  t.match(changes, [
    { table: 'usage_days', at: key, add: { calls: 1, errors: 0, duration_us: 5_000 } },
    { table: 'usage_buckets', at: { ...key, bucket: bucketOf(5) } },
  ])
})
