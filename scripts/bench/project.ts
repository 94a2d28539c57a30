import type pg from 'pg'
import { bucketOf } from '../../domain/kernel/duration-sketch.ts'
import { createProjector } from '../../infra/projector/projector.ts'
import { createReadFreshness } from '../../infra/projector/read-freshness.ts'
import { usage } from '../../projections/analytics/usage.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { alternately, type Measurement, measurement, secondsOf } from './measure.ts'
import { fill } from './replay.ts'
import { type Stage, usageEvent } from './stage.ts'

const EVENTS = 50_000
const BATCH = 1_000
const ROUNDS = 3

type Row = readonly [
  service: string,
  day: string,
  tool: string,
  bucket: number,
  failed: number,
  us: number,
]

/** An empty read model of usage follows a full log, against upserts of the same rows in batches, without reading a log. */
export async function benchProjectCatchup(stage: Stage): Promise<Measurement> {
  const { pool, store } = await stage.database()
  await fill(store, EVENTS)
  const head = await store.head()
  const rows = Array.from({ length: EVENTS }, (_, index) => rowOf(index))
  const { value, limit } = await alternately(
    ROUNDS,
    async () => {
      await empty(pool)
      await pool.query('delete from checkpoints')
      const stop = new AbortController()
      await using freshness = createReadFreshness({ pool })
      const deps = { pool, store, readModels: [usage], logger: silent, metrics: noMetrics }
      let running: Promise<void> = Promise.resolve()
      const seconds = await secondsOf(async () => {
        running = createProjector(deps).run(stop.signal)
        if (!(await freshness.waitFor(head, 120_000))) throw new Error('It does not catch up.')
      })
      stop.abort()
      await running
      return EVENTS / seconds
    },
    async () => {
      await empty(pool)
      return EVENTS / (await secondsOf(() => upsertAll(pool, rows)))
    },
  )
  return measurement('project.catchup', value, 'events/s', limit)
}

function empty(pool: pg.Pool): Promise<unknown> {
  return pool.query('truncate usage_days, usage_buckets')
}

function rowOf(index: number): Row {
  const { data } = usageEvent('', index)
  const day = String(data.occurredAt).slice(0, 10)
  const ms = Number(data.durationMs)
  const failed = data.outcome === 'error' ? 1 : 0
  return [String(data.serviceId), day, String(data.tool), bucketOf(ms), failed, ms * 1_000]
}

async function upsertAll(pool: pg.Pool, rows: readonly Row[]): Promise<void> {
  const client = await pool.connect()
  try {
    for (let from = 0; from < rows.length; from += BATCH) {
      await client.query('begin')
      await client.query('set local synchronous_commit = off')
      await upsert(client, rows.slice(from, from + BATCH))
      await client.query('commit')
    }
  } finally {
    client.release()
  }
}

async function upsert(client: pg.ClientBase, batch: readonly Row[]): Promise<void> {
  await client.query({
    name: 'bench-days',
    text: `insert into usage_days
           select 'bench', s, d, t, count(*), sum(f), sum(u), 0, 0
           from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::bigint[]) as row (s, d, t, f, u)
           group by s, d, t
           on conflict (tenant_id, service, day, tool) do update
           set calls = usage_days.calls + excluded.calls, errors = usage_days.errors + excluded.errors,
               duration_us = usage_days.duration_us + excluded.duration_us`,
    values: [0, 1, 2, 4, 5].map((column) => batch.map((row) => row[column])),
  })
  await client.query({
    name: 'bench-buckets',
    text: `insert into usage_buckets (tenant_id, service, day, tool, bucket, calls)
           select 'bench', s, d, t, b, count(*)
           from unnest($1::text[], $2::text[], $3::text[], $4::int[]) as row (s, d, t, b)
           group by s, d, t, b
           on conflict (tenant_id, service, day, tool, bucket) do update
           set calls = usage_buckets.calls + excluded.calls`,
    values: [0, 1, 2, 3].map((column) => batch.map((row) => row[column])),
  })
}
