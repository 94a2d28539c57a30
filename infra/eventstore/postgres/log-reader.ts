import type pg from 'pg'
import { tenantOfStream } from '../../../domain/kernel/ids.ts'
import type {
  EventFilter,
  Position,
  ReadAllOptions,
  ReadStreamOptions,
} from '../../../services/ports/event-store.ts'
import type { StoredEvent } from '../codec.ts'
import { isTransient, unavailable, withTimeout } from './connection-errors.ts'
import { createFirstPages, type Page } from './first-pages.ts'

/** Bounds of one page: a read of the whole log never holds more than two of them. */
const MAX_PAGE_EVENTS = 2_000
const MAX_PAGE_BYTES = 8 * 1_048_576
const MAX_ATTEMPTS = 3
const MAX_INT8 = 2n ** 63n - 1n
/** Characters that Postgres text cannot hold: what has one is in no row. */
const NEVER_STORED = /\0|\p{Surrogate}/u

/** A place in one index of the log: what matches, in which order, from where. */
type Scan = {
  readonly where: readonly string[]
  readonly values: readonly unknown[]
  readonly key: 'position' | 'revision'
  readonly direction: 'forwards' | 'backwards'
  /** Name of the prepared statement; only where every plan that there is for it is a good one. */
  readonly prepared?: string
}

export class LogReader {
  readonly #pool: pg.Pool
  readonly #timeoutMs: number
  readonly #firstPages = createFirstPages((...query) => this.#query(...query))

  constructor(pool: pg.Pool, timeoutMs: number) {
    this.#pool = pool
    this.#timeoutMs = timeoutMs
  }

  async head(): Promise<Position> {
    const rows = await this.#query<[bigint]>(
      'select position from log.events order by position desc limit 1',
      [],
      'head',
    )
    return rows[0]?.[0] ?? 0n
  }

  async *readStream(stream: string, options: ReadStreamOptions): AsyncGenerator<StoredEvent> {
    const { direction = 'forwards', from, limit } = options
    const tenantId = tenantOfStream(stream)
    if (tenantId === undefined || NEVER_STORED.test(stream)) return
    const scan: Scan = {
      where: ['tenant_id = $1', 'stream = $2'],
      values: [tenantId, stream],
      key: 'revision',
      direction,
      prepared: `read-stream-${direction}`,
    }
    // A scan starts behind its bound, a stream read at it.
    const inclusive =
      from === undefined ? undefined : direction === 'forwards' ? from - 1n : from + 1n
    const isAll = direction === 'forwards' && limit === undefined
    const first = isAll
      ? this.#firstPages.load({ tenantId, stream, after: clamp(inclusive ?? -1n) })
      : undefined
    yield* this.#read(scan, inclusive, limit, first)
  }

  async *readAll({
    direction = 'forwards',
    from,
    limit,
    ...filter
  }: ReadAllOptions): AsyncGenerator<StoredEvent> {
    yield* this.#read({ ...conditionsOf(filter), key: 'position', direction }, from, limit)
  }

  /** The first events that pass the filter after `after`, up to `through`, both of them committed. */
  readBetween(
    after: Position,
    through: Position,
    filter: EventFilter,
    limit: number,
  ): Promise<Page> {
    const { where, values } = conditionsOf(filter)
    const scan: Scan = {
      where: [...where, `position <= $${values.length + 1}`],
      values: [...values, clamp(through)],
      key: 'position',
      direction: 'forwards',
      ...(where.length === 0 && { prepared: 'read-between' }),
    }
    return this.#page(scan, after, limit)
  }

  /** Fetches the next page while the caller works on this one. */
  async *#read(
    scan: Scan,
    from: bigint | undefined,
    limit = Infinity,
    first?: Promise<Page>,
  ): AsyncGenerator<StoredEvent> {
    let remaining = limit
    let next = first ?? (remaining > 0 ? this.#page(scan, from, remaining) : undefined)
    while (next !== undefined) {
      const { events, complete } = await next
      remaining -= events.length
      const last = events.at(-1)
      next = complete || remaining <= 0 ? undefined : this.#page(scan, last?.[scan.key], remaining)
      // The caller may stop before it needs that page.
      next?.catch(() => {})
      yield* events
    }
  }

  async #page(scan: Scan, from: bigint | undefined, limit: number): Promise<Page> {
    const { where, key, direction, prepared } = scan
    const [comparison, order, start] =
      direction === 'forwards' ? ['>', 'asc', -1n] : ['<', 'desc', MAX_INT8]
    const wanted = Math.min(limit, MAX_PAGE_EVENTS)
    const values = [...scan.values, clamp(from ?? start), wanted]
    const bounded = [...where, `${key} ${comparison} $${values.length - 1}`]
    // The running sum costs little: the length of a text is known without reading all of it.
    const rows = await this.#query<Row>(
      `select id, type, stream, revision, position, data, metadata, bytes from (
         select *, (sum(octet_length(data) + octet_length(metadata)) over (
           order by ${key} ${order} rows unbounded preceding))::float8 as bytes
         from log.events where ${bounded.join(' and ')}
         order by ${key} ${order} limit $${values.length}
       ) page
       where bytes - octet_length(data) - octet_length(metadata) < ${MAX_PAGE_BYTES}
       order by ${key} ${order}`,
      values,
      prepared,
    )
    const bytes = rows.at(-1)?.[7] ?? 0
    return {
      events: rows.map(storedEvent),
      complete: rows.length < wanted && bytes < MAX_PAGE_BYTES,
    }
  }

  /** @throws {EventStoreUnavailableError} */
  async #query<Row extends unknown[]>(
    text: string,
    values: readonly unknown[],
    name?: string,
  ): Promise<Row[]> {
    const deadline = performance.now() + this.#timeoutMs
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#queryOnce<Row>({ ...(name && { name }), text, values: [...values] })
      } catch (error) {
        if (!isTransient(error)) throw error
        if (attempt === MAX_ATTEMPTS || performance.now() > deadline) throw unavailable(error)
      }
    }
  }

  async #queryOnce<Row extends unknown[]>(query: pg.QueryConfig): Promise<Row[]> {
    const client = await this.#pool.connect()
    let failure: unknown
    try {
      const answer = client.query<Row>({ ...query, rowMode: 'array' })
      return (await withTimeout(answer, this.#timeoutMs)).rows
    } catch (error) {
      failure = error
      throw error
    } finally {
      // A connection that failed, or still works on a query that took too long, is of no more use.
      client.release(failure !== undefined)
    }
  }
}

type Row = [string, string, string, bigint, bigint, string, string, number]

function storedEvent([id, type, stream, revision, position, data, metadata]: Row): StoredEvent {
  return { id, type, stream, revision, position, data, metadata }
}

function conditionsOf({ types, streams, tenantId }: EventFilter): Pick<Scan, 'where' | 'values'> {
  const where: string[] = []
  const values: unknown[] = []
  const oneOf = (column: string, names: readonly string[]) =>
    where.push(
      `${column} = any($${values.push(names.filter((name) => !NEVER_STORED.test(name)))}::text[])`,
    )
  if (types !== undefined) oneOf('type', types)
  if (streams !== undefined) oneOf('stream', streams)
  if (tenantId !== undefined) where.push(`tenant_id = $${values.push(tenantId)}`)
  return { where, values }
}

/** A caller's bound may be any integer; what no row can have compares like the largest that one can. */
function clamp(bound: bigint): bigint {
  if (bound > MAX_INT8) return MAX_INT8
  return bound < -1n ? -1n : bound
}
