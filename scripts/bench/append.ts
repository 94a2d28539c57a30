import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { alternately, type Measurement, measurement, ratePerSecond } from './measure.ts'
import { BENCH_CONTEXT, type Stage, usageEvent } from './stage.ts'

const WRITERS = 16
const SINGLE_APPENDS = 8_000
const BATCH = 1_000
const BATCHES = 40
const ROUNDS = 3

const COLUMNS = 'position, tenant_id, stream, revision, id, type, data, metadata'

/** One event an append, 16 writers on streams of their own, against 16 plain connections that insert a row each. */
export async function benchAppendSingle(stage: Stage): Promise<Measurement> {
  const { pool, store } = await stage.database()
  await plainTable(pool)
  const { value, limit } = await alternately(
    ROUNDS,
    () => {
      const run = randomUUID()
      const revisions = Array.from({ length: WRITERS }, () => -1n)
      return ratePerSecond(WRITERS, SINGLE_APPENDS, async (writer, index) => {
        const last = revisions[writer] ?? -1n
        const { revision } = await store.append(
          `usage-bench.${run}-${writer}`,
          [usageEvent(randomUUID(), index)],
          last < 0n ? 'no-stream' : last,
          BENCH_CONTEXT,
        )
        revisions[writer] = revision
      })
    },
    () => {
      const run = randomUUID()
      return ratePerSecond(WRITERS, SINGLE_APPENDS, (writer, index) => {
        const stream = `usage-bench.${run}-${writer}`
        return pool.query({
          name: 'plain-insert',
          text: `insert into plain_events (${COLUMNS}) values (nextval('plain_position'), $1, $2, $3, $4, $5, $6, $7)`,
          values: ['bench', stream, index, randomUUID(), 'UsageTracked', ...texts(index)],
        })
      })
    },
  )
  return measurement('append.single', value, 'events/s', limit)
}

/** A thousand events an append, against a loop of multi-row inserts of the same rows. */
export async function benchAppendBatch(stage: Stage): Promise<Measurement> {
  const { pool, store } = await stage.database()
  await plainTable(pool)
  const total = BATCH * BATCHES
  const { value, limit } = await alternately(
    ROUNDS,
    async () => {
      const stream = `usage-bench.${randomUUID()}`
      let last: bigint | 'no-stream' = 'no-stream'
      const perSecond = await ratePerSecond(1, BATCHES, async (_, batch) => {
        const events = Array.from({ length: BATCH }, (_, index) =>
          usageEvent(randomUUID(), batch * BATCH + index),
        )
        last = (await store.append(stream, events, last, BENCH_CONTEXT)).revision
      })
      return (perSecond * total) / BATCHES
    },
    async () => {
      const run = randomUUID()
      const perSecond = await ratePerSecond(1, BATCHES, (_, batch) =>
        insertMany(pool, `usage-bench.${run}-${batch}`, batch),
      )
      return (perSecond * total) / BATCHES
    },
  )
  return measurement('append.batch', value, 'events/s', limit)
}

/** The log's columns and keys, without anything that makes it a log. */
async function plainTable(pool: pg.Pool): Promise<void> {
  await pool.query(`
    create table if not exists plain_events (
      position bigint not null unique, tenant_id text not null, stream text not null,
      revision bigint not null, id uuid not null unique, type text not null,
      data text not null, metadata text not null,
      recorded_at timestamptz not null default clock_timestamp(),
      primary key (tenant_id, stream, revision)
    );
    create index if not exists plain_by_type on plain_events (type, position);
    create index if not exists plain_by_tenant on plain_events (tenant_id, position);
    create sequence if not exists plain_position;
  `)
}

async function insertMany(pool: pg.Pool, stream: string, batch: number): Promise<void> {
  const rows = Array.from({ length: BATCH }, (_, index) => texts(batch * BATCH + index))
  await pool.query({
    name: 'plain-insert-many',
    text: `insert into plain_events (${COLUMNS})
           select nextval('plain_position'), 'bench', $1, r, i, 'UsageTracked', d, m
           from unnest($2::bigint[], $3::uuid[], $4::text[], $5::text[]) as rows (r, i, d, m)`,
    values: [
      stream,
      rows.map((_, index) => index),
      rows.map(() => randomUUID()),
      rows.map(([data]) => data),
      rows.map(([, metadata]) => metadata),
    ],
  })
}

function texts(index: number): [data: string, metadata: string] {
  const metadata = {
    time: new Date().toISOString(),
    tenantid: 'bench',
    actorid: 'bench',
    correlationid: 'bench',
    causationid: 'bench',
    schemaversion: 1,
  }
  return [JSON.stringify(usageEvent('', index).data), JSON.stringify(metadata)]
}
