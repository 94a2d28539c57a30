import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Kysely } from 'kysely'
import { Type } from 'typebox'
import type { UsageDay, UsageReport } from '../../domain/analytics/usage-report.ts'
import {
  mostUsed,
  type UsageTables,
  usageOf,
  wasEverUsed,
} from '../../projections/analytics/usage.ts'
import { findService } from '../../projections/marketplace/services.ts'
import type { CatalogueTables } from '../../projections/registry/catalogue-tables.ts'
import { problem } from '../kernel/problem.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { WorkerPool } from '../ports/worker-pool.ts'
import { dayRange } from './day-range.ts'
import {
  IdempotencyHeaders,
  MAX_TRACKED,
  RangeQuery,
  ServiceParams,
  ServiceUsage,
  Summary,
  TrackBody,
} from './schemas.ts'
import { track } from './track.ts'

export type AnalyticsDeps = {
  readonly store: EventStore
  readonly db: Kysely<UsageTables & CatalogueTables>
  readonly workers: WorkerPool
  readonly now: () => Date
}

type Usage = Awaited<ReturnType<typeof usageOf>>

export function analyticsRoutes(deps: AnalyticsDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/v1/analytics/track',
      {
        config: { access: 'analytics:write' },
        schema: {
          tags: ['analytics'],
          summary: 'Report uses of services that did not go through the gateway',
          description: `One use or up to ${MAX_TRACKED}; all of them are recorded or none.`,
          headers: IdempotencyHeaders,
          body: TrackBody,
          response: { 202: Type.Object({ position: Type.String() }) },
        },
      },
      async (request, reply) => {
        const key = request.headers['idempotency-key']
        const position = await track(deps.store, request, request.body, key, deps.now())
        return reply.code(202).send({ position: position.toString() })
      },
    )

    app.get(
      '/v1/analytics/services/:serviceId',
      {
        config: { access: 'analytics:read' },
        schema: {
          tags: ['analytics'],
          summary: 'Calls, errors and durations of one service, by day and by tool',
          description:
            'The id is the server’s name, percent-encoded. 404 for a name never heard of.',
          params: ServiceParams,
          querystring: RangeQuery,
          response: { 200: ServiceUsage },
        },
      },
      async ({ actor, params: { serviceId }, query }) => {
        const range = dayRange(query, deps.now())
        const usage = await usageOf(deps.db, actor.tenantId, serviceId, range)
        if (usage.days.length === 0) await refuseUnknown(deps, actor.tenantId, serviceId)
        const report = await deps.workers.run<readonly UsageDay[], UsageReport>(
          'summariseUsage',
          withSketches(usage),
        )
        return { serviceId, ...range, ...copyOf(report) }
      },
    )

    app.get(
      '/v1/analytics/summary',
      {
        config: { access: 'analytics:read' },
        schema: {
          tags: ['analytics'],
          summary: 'The most used services',
          querystring: Type.Object({
            ...RangeQuery.properties,
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 10 })),
          }),
          response: { 200: Summary },
        },
      },
      async ({ actor, query }) => {
        const range = dayRange(query, deps.now())
        const rows = await mostUsed(deps.db, actor.tenantId, range, query.limit ?? 10)
        return {
          ...range,
          services: rows.map(({ service, calls, errors }) => ({
            serviceId: service,
            calls,
            errors,
            errorRate: errors / calls,
          })),
        }
      },
    )
  }
}

/** A listed service that nobody used has zeros; a name that nobody knows is a mistake. */
async function refuseUnknown(
  { db }: AnalyticsDeps,
  tenantId: string,
  serviceId: string,
): Promise<void> {
  if (await wasEverUsed(db, tenantId, serviceId)) return
  if ((await findService(db, tenantId, serviceId)) !== undefined) return
  throw problem(404, 'unknown-service', 'No service of this name was ever listed or used.')
}

function withSketches({ days, buckets }: Usage): UsageDay[] {
  const sketches = new Map<string, Map<number, number>>()
  for (const { day, tool, bucket, calls } of buckets) {
    const key = `${day} ${tool}`
    const sketch = sketches.get(key) ?? new Map<number, number>()
    sketches.set(key, sketch.set(bucket, calls))
  }
  return days.map((row) => ({
    ...row,
    buckets: sketches.get(`${row.day} ${row.tool}`) ?? new Map(),
  }))
}

/** Fastify's answer types want lists that may be written to. */
function copyOf({ total, days, tools }: UsageReport) {
  return { total, days: [...days], tools: [...tools] }
}
