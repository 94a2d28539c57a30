import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { AnalyticsEvent } from '../../domain/analytics/events.ts'
import { createEventCodec } from '../../infra/eventstore/codec.ts'
import { createPostgresEventStore } from '../../infra/eventstore/postgres/store.ts'
import { createPool, createReadDatabase } from '../../infra/postgres/pool.ts'
import type { ReadModel } from '../../projections/kernel/read-model.ts'
import type { Appended, EventStore, NewEvent } from '../../services/ports/event-store.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { freshDatabase } from './database.ts'

// A read model small enough to see what the projector does with it, on real events.

export interface UsesTables {
  uses: { tenant_id: string; service_id: string; calls: number; newest: string | null }
}

/** A service of this name makes the read model's own function fail. */
export const THROWS = 'throws'
/** A service of this name makes the database refuse the row. */
export const REFUSED = 'refused'

/** What the faulty model does when it is repaired. */
export const repaired = { yes: false }

export const uses: ReadModel<AnalyticsEvent, UsesTables> = {
  name: 'uses',
  version: 1,
  keys: { uses: ['tenant_id', 'service_id'] },
  changes: {
    UsageTracked: ({ data }, { tenantId }) => {
      if (data.serviceId === THROWS && !repaired.yes) throw new Error('the handler fails here')
      const at = { tenant_id: tenantId, service_id: data.serviceId }
      const newest = data.serviceId === REFUSED && !repaired.yes ? 'x'.repeat(11) : data.tool
      return [
        { table: 'uses', at, add: { calls: 1 } },
        { table: 'uses', at, patch: { newest } },
      ]
    },
  },
}

/** A second one, to see that the models do not harm each other. */
export const totals: ReadModel<
  AnalyticsEvent,
  { totals: { tenant_id: string; calls: number; errors: number } }
> = {
  name: 'totals',
  version: 1,
  keys: { totals: ['tenant_id'] },
  changes: {
    UsageTracked: ({ data }, { tenantId }) => [
      {
        table: 'totals',
        at: { tenant_id: tenantId },
        add: { calls: 1, errors: data.outcome === 'error' ? 1 : 0 },
      },
    ],
  },
}

type Scope = { teardown: (stop: () => Promise<void>) => void }

export type UsageFixture = Awaited<ReturnType<typeof usageFixture>>

/** A migrated database with the two tables, an event store and a read database. */
export async function usageFixture(t: Scope) {
  const { appUrl, ownerUrl } = await freshDatabase(t)
  const ownerPool = createPool(ownerUrl, { max: 1 })
  for (const schema of ['read', 'shape'])
    await ownerPool.query(`
      create table ${schema}.uses (tenant_id text, service_id text, calls bigint not null,
        newest varchar(10), primary key (tenant_id, service_id));
      create table ${schema}.totals (tenant_id text primary key, calls bigint not null,
        errors bigint not null);
      grant all on ${schema}.uses, ${schema}.totals to public`)
  const pool = createPool(appUrl)
  const db = createReadDatabase<unknown>(pool)
  const now = () => new Date()
  const store = createPostgresEventStore({
    ...{ pool, codec: createEventCodec({ now }), logger: silent, metrics: noMetrics },
  })
  t.teardown(async () => {
    await store[Symbol.asyncDispose]()
    await Promise.all([pool.end(), ownerPool.end()])
  })
  return { appUrl, pool, ownerPool, db, store }
}

/** Appends one event a service, in order, to a stream of the tenant `acme`. */
export function track(
  store: EventStore,
  stream: string,
  ...services: readonly string[]
): Promise<Appended> {
  return appendUsage(store, stream, usageEvents(...services))
}

/** New events, one a service. */
export function usageEvents(...services: readonly string[]): NewEvent[] {
  return services.map(
    (serviceId, index): NewEvent => ({
      id: randomUUID(),
      type: 'UsageTracked',
      data: {
        serviceId,
        ...{ tool: `t${index}`, durationMs: 1, outcome: index % 3 === 0 ? 'error' : 'ok' },
        occurredAt: '2026-01-02T03:04:05.000Z',
      },
    }),
  )
}

export function appendUsage(
  store: EventStore,
  stream: string,
  events: readonly NewEvent[],
): Promise<Appended> {
  const context = {
    ...{ tenantId: 'acme', actorId: 'test', correlationId: 'test', causationId: 'test' },
  }
  return store.append(`usage-acme.${stream}`, events, 'any', context)
}

/** Calls by service. */
export async function callsOf({ db }: Pick<UsageFixture, 'db'>): Promise<Record<string, number>> {
  const { rows } = await sql<{ service: string; calls: bigint }>`
    select service_id as service, calls from read.uses order by service_id`.execute(db)
  return Object.fromEntries(rows.map(({ service, calls }) => [service, Number(calls)]))
}
