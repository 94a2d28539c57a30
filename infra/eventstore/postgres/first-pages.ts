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

type Waiting = {
  readonly start: StreamStart
  readonly answer: (page: Page) => void
  readonly fail: (error: unknown) => void
}

/**
 * Reads how streams begin, which is all of most of them. What one turn of the event loop asks
 * for is one question to the database: a question costs more than its answer, and a busy process
 * has many commands in a turn.
 */
export class FirstPages {
  readonly #query: (text: string, values: readonly unknown[], name: string) => Promise<Row[]>
  #waiting: Waiting[] = []

  constructor(query: (text: string, values: readonly unknown[], name: string) => Promise<Row[]>) {
    this.#query = query
  }

  read(start: StreamStart): Promise<Page> {
    return new Promise((answer, fail) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#ask())
      this.#waiting.push({ start, answer, fail })
    })
  }

  #ask(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (let at = 0; at < waiting.length; at += MAX_STREAMS)
      void this.#answer(waiting.slice(at, at + MAX_STREAMS))
  }

  async #answer(group: readonly Waiting[]): Promise<void> {
    try {
      const pages = await this.#pages(group.map(({ start }) => start))
      group.forEach(({ answer }, place) => {
        answer(pages[place] ?? { events: [], complete: true })
      })
    } catch (error) {
      for (const { fail } of group) fail(error)
    }
  }

  /** @throws {EventStoreUnavailableError} */
  async #pages(starts: readonly StreamStart[]): Promise<readonly Page[]> {
    const rows = await this.#query(
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
}
