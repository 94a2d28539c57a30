import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { alternately, type Measurement, measurement, secondsOf } from './measure.ts'
import { BENCH_CONTEXT, type Stage, usageEvent } from './stage.ts'

const EVENTS = 100_000
const PAGE = 2_000
const ROUNDS = 3

/** Reading the whole log as events, against bare keyset pages whose texts are parsed. */
export async function benchReplay(stage: Stage): Promise<Measurement> {
  const { pool, store } = await stage.database()
  await fill(store, EVENTS)
  const { value, limit } = await alternately(
    ROUNDS,
    async () => {
      let seen = 0
      const seconds = await secondsOf(async () => {
        for await (const event of store.readAll()) if (event.type !== '') seen++
      })
      return seen / seconds
    },
    async () => EVENTS / (await secondsOf(() => barePages(pool))),
  )
  return measurement('replay', value, 'events/s', limit)
}

/** Appends `count` usage events in thousands. */
export async function fill(
  store: Awaited<ReturnType<Stage['database']>>['store'],
  count: number,
): Promise<void> {
  const stream = `usage-bench.${randomUUID()}`
  let last: bigint | 'no-stream' = 'no-stream'
  for (let from = 0; from < count; from += 1_000) {
    const length = Math.min(1_000, count - from)
    const events = Array.from({ length }, (_, index) => usageEvent(randomUUID(), from + index))
    last = (await store.append(stream, events, last, BENCH_CONTEXT)).revision
  }
}

/** Keyset pages of the whole log whose texts are parsed, and nothing else. */
export async function barePages(pool: pg.Pool): Promise<void> {
  let after = 0n
  for (;;) {
    const { rows } = await pool.query({
      name: 'bare-page',
      text: `select position, data, metadata from log.events where position > $1 order by position limit ${PAGE}`,
      values: [after],
    })
    for (const row of rows) {
      JSON.parse(row.data)
      JSON.parse(row.metadata)
    }
    if (rows.length < PAGE) return
    after = rows.at(-1).position
  }
}
