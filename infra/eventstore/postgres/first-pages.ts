import DataLoader from 'dataloader'
import type { Position } from '../../../services/ports/event-store.ts'
import type { StoredEvent } from '../codec.ts'
import { int8Array, textArray } from './binary-array.ts'

/** Of one question, so that its answer stays small whatever the streams are. */
const MAX_STREAMS = 32
const MAX_STREAM_EVENTS = 200
const MAX_STREAM_BYTES = 262_144

/** A stream, and the revision behind which it is read; both as they may stand in a row. */
export type StreamStart = {
  readonly tenantId: string
  readonly stream: string
  readonly after: bigint
}

type Row = [string, string, string, bigint, Position, string, string, bytes: number, place: number]

export type Page = {
  readonly events: readonly StoredEvent[]
  /** True when nothing more matched at the time of reading. */
  readonly complete: boolean
}

/** @throws what the query throws. */
type Query = (text: string, values: readonly unknown[], name: string) => Promise<Row[]>

/**
 * Reads how streams begin, which is all of most of them.
 *
 * @returns a loader: what one turn of the event loop asks for is one question to the database. A
 * question costs more than its answer, and a busy process has many commands in a turn.
 */
export function createFirstPages(query: Query): DataLoader<StreamStart, Page> {
  return new DataLoader((starts) => firstPages(query, starts), {
    ...{ cache: false, maxBatchSize: MAX_STREAMS, batchScheduleFn: setImmediate },
  })
}

/** The subqueries keep the number of streams from the planner, so that it makes one plan for all numbers. */
async function firstPages(query: Query, starts: readonly StreamStart[]): Promise<readonly Page[]> {
  const rows = await query(
    `select id, type, page.stream, revision, position, data, metadata, bytes, place::int4
      from unnest((select $1::text[]), (select $2::text[]), (select $3::int8[])) with ordinality
        as start(tenant_id, stream, after, place),
      lateral (
        select *, (sum(octet_length(data) + octet_length(metadata)) over (
          order by revision rows unbounded preceding))::float8 as bytes
        from log.events as e
        where e.tenant_id = start.tenant_id and e.stream = start.stream and revision > after
        order by revision limit ${MAX_STREAM_EVENTS}
      ) page
      where bytes - octet_length(data) - octet_length(metadata) < ${MAX_STREAM_BYTES}
      order by place, revision`,
    [
      textArray(starts.map(({ tenantId }) => tenantId)),
      textArray(starts.map(({ stream }) => stream)),
      int8Array(starts.map(({ after }) => after)),
    ],
    'first-pages',
  )
  const pages = starts.map((): { events: StoredEvent[]; bytes: number } => ({
    events: [],
    bytes: 0,
  }))
  for (const [id, type, stream, revision, position, data, metadata, bytes, place] of rows) {
    const page = pages[place - 1]
    page?.events.push({ id, type, stream, revision, position, data, metadata })
    if (page !== undefined) page.bytes = bytes
  }
  return pages.map(({ events, bytes }) => ({
    events,
    complete: events.length < MAX_STREAM_EVENTS && bytes < MAX_STREAM_BYTES,
  }))
}
