import type { Kysely } from 'kysely'
import type { AnalyticsEvent } from '../../domain/analytics/events.ts'
import type { GatewayEvent } from '../../domain/gateway/events.ts'
import { bucketOf } from '../../domain/kernel/duration-sketch.ts'
import type { EventMeta } from '../../domain/kernel/event.ts'
import type { ReadModel } from '../kernel/read-model.ts'

// Calls of every service by day (UTC) and tool, with a mergeable sketch of their durations:
// one counter a bucket, so that the sketch of any set of rows is their sum.

export interface UsageTables {
  usage_days: {
    tenant_id: string
    service: string
    /** `YYYY-MM-DD`. */
    day: string
    tool: string
    calls: bigint | number
    errors: bigint | number
    /** Whole microseconds: sums of fractions depend on the order of adding. */
    duration_us: bigint | number
    request_bytes: bigint | number
    response_bytes: bigint | number
  }
  usage_buckets: {
    tenant_id: string
    service: string
    day: string
    tool: string
    /** See `domain/kernel/duration-sketch.ts`. */
    bucket: number
    calls: bigint | number
  }
}

type Use = {
  readonly service: string
  readonly tool: string
  readonly at: string
  readonly durationMs: number
  readonly failed: boolean
  readonly requestBytes?: number
  readonly responseBytes?: number
}

export const usage: ReadModel<GatewayEvent | AnalyticsEvent, UsageTables> = {
  name: 'usage',
  version: 1,
  keys: {
    usage_days: ['tenant_id', 'service', 'day', 'tool'],
    usage_buckets: ['tenant_id', 'service', 'day', 'tool', 'bucket'],
  },
  changes: {
    ToolCalled: ({ data }, meta) =>
      count(meta, {
        ...data,
        service: data.serverName,
        at: data.calledAt,
        // Nobody waited for the answer any more: that says nothing about the server.
        failed: data.outcome !== 'ok' && data.outcome !== 'cancelled',
      }),

    UsageTracked: ({ data }, meta) =>
      count(meta, {
        ...data,
        service: data.serviceId,
        at: data.occurredAt,
        failed: data.outcome === 'error',
      }),
  },
}

function count({ tenantId }: EventMeta, use: Use) {
  const { service, tool, durationMs } = use
  const key = { tenant_id: tenantId, service, day: utcDay(use.at), tool }
  return [
    {
      table: 'usage_days',
      at: key,
      add: {
        calls: 1,
        errors: use.failed ? 1 : 0,
        duration_us: Math.round(durationMs * 1_000),
        request_bytes: use.requestBytes ?? 0,
        response_bytes: use.responseBytes ?? 0,
      },
    },
    {
      table: 'usage_buckets',
      at: { ...key, bucket: bucketOf(durationMs) },
      add: { calls: 1 },
    },
  ] as const
}

/** Nearly every instant is in UTC already: then the day is what it begins with. */
function utcDay(instant: string): string {
  const utc = instant.endsWith('Z') ? instant : new Date(instant).toISOString()
  return utc.slice(0, 10)
}

/** Days from `from` to `to`, both inclusive, as `YYYY-MM-DD`. */
export type DayRange = { readonly from: string; readonly to: string }

export type UsageRow = {
  readonly day: string
  readonly tool: string
  readonly calls: number
  readonly errors: number
  readonly durationUs: number
  readonly requestBytes: number
  readonly responseBytes: number
}

export type UsageBucketRow = {
  readonly day: string
  readonly tool: string
  readonly bucket: number
  readonly calls: number
}

export async function usageOf(
  db: Kysely<UsageTables>,
  tenantId: string,
  service: string,
  { from, to }: DayRange,
): Promise<{ readonly days: UsageRow[]; readonly buckets: UsageBucketRow[] }> {
  const days = await db
    .selectFrom('usage_days')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('service', '=', service)
    .where('day', '>=', from)
    .where('day', '<=', to)
    .execute()
  const buckets = await db
    .selectFrom('usage_buckets')
    .select(['day', 'tool', 'bucket', 'calls'])
    .where('tenant_id', '=', tenantId)
    .where('service', '=', service)
    .where('day', '>=', from)
    .where('day', '<=', to)
    .execute()
  return {
    days: days.map((row) => ({
      day: row.day,
      tool: row.tool,
      calls: Number(row.calls),
      errors: Number(row.errors),
      durationUs: Number(row.duration_us),
      requestBytes: Number(row.request_bytes),
      responseBytes: Number(row.response_bytes),
    })),
    buckets: buckets.map((row) => ({ ...row, calls: Number(row.calls) })),
  }
}

/** Whether this tenant ever used it, on any day. */
export async function wasEverUsed(
  db: Kysely<UsageTables>,
  tenantId: string,
  service: string,
): Promise<boolean> {
  const row = await db
    .selectFrom('usage_days')
    .select('day')
    .where('tenant_id', '=', tenantId)
    .where('service', '=', service)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** The services with the most calls first. */
export async function mostUsed(
  db: Kysely<UsageTables>,
  tenantId: string,
  { from, to }: DayRange,
  limit: number,
): Promise<{ service: string; calls: number; errors: number }[]> {
  const rows = await db
    .selectFrom('usage_days')
    .select(({ fn }) => [
      'service',
      fn.sum<string>('calls').as('calls'),
      fn.sum<string>('errors').as('errors'),
    ])
    .where('tenant_id', '=', tenantId)
    .where('day', '>=', from)
    .where('day', '<=', to)
    .groupBy('service')
    .orderBy('calls', 'desc')
    .orderBy('service')
    .limit(limit)
    .execute()
  return rows.map(({ service, calls, errors }) => ({
    service,
    calls: Number(calls),
    errors: Number(errors),
  }))
}
