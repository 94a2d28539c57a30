import pg from 'pg'
import { tenantOfStream } from '../../../domain/kernel/ids.ts'
import type { EncodedEvent } from '../codec.ts'
import { int8Array, textArray, uuidArray } from './binary-array.ts'
import { withTimeout } from './connection-errors.ts'
import type { AppendRequest, KnownEvent, LogState } from './decide-appends.ts'

/** The payload of a notification is the log's new head. */
export const LOG_CHANNEL = 'tidemark_log'

const PREPARE = `select * from log.prepare_append($1, $2, $3, $4)`

const WRITE = `
  with written as (
    insert into log.events (position, tenant_id, stream, revision, id, type, data, metadata)
    select $1::bigint + n, tenant_id, stream, revision, id, type, data, metadata
    from unnest($2::text[], $3::text[], $4::bigint[], $5::uuid[], $6::text[], $7::text[], $8::text[])
      with ordinality as row (tenant_id, stream, revision, id, type, data, metadata, n)
    order by n
  )
  select pg_notify('${LOG_CHANNEL}', $9)`

export type NewRow = EncodedEvent & { readonly stream: string; readonly revision: bigint }

/**
 * The one connection through which a process appends. It holds the appenders' lock of the
 * database from `prepare` until `release`; whoever holds it is alone, so what `prepare` told
 * stays true until `write`. Losing the connection loses the lock: there is no way to write without it.
 */
export class LogWriter {
  readonly #client: pg.Client
  readonly #timeoutMs: number
  #holdsLock = false

  private constructor(client: pg.Client, timeoutMs: number) {
    this.#client = client
    this.#timeoutMs = timeoutMs
  }

  static async connect(config: pg.ClientConfig, timeoutMs: number): Promise<LogWriter> {
    const client = new pg.Client(config)
    const writer = new LogWriter(client, timeoutMs)
    // The query under way, or the next one, reports it.
    client.on('error', () => {})
    try {
      await withTimeout(client.connect(), timeoutMs)
      // Cached plans are made while the log is empty; every statement here looks up by an index.
      await writer.#query({ text: 'set enable_seqscan = off' })
    } catch (error) {
      writer.close()
      throw error
    }
    return writer
  }

  /** What the log says about the requests; takes the lock when this writer has it not. */
  async prepare(requests: readonly AppendRequest[]): Promise<LogState> {
    const streams = [...new Set(requests.map(({ stream }) => stream))]
    const { rows } = await this.#query<PreparedRow>({
      name: 'prepare-append',
      text: PREPARE,
      values: [
        !this.#holdsLock,
        textArray(streams.map((stream) => tenantOfStream(stream) ?? '')),
        textArray(streams),
        uuidArray(requests.flatMap(({ ids }) => ids)),
      ],
      rowMode: 'array',
    })
    this.#holdsLock = true
    return logStateOf(rows)
  }

  /**
   * Commits the rows right behind `head` and tells the followers. The lock keeps appenders from
   * meeting; should they ever meet, the unique position lets one of them through.
   */
  async write(head: bigint, rows: readonly NewRow[]): Promise<void> {
    if (!this.#holdsLock) throw new Error('Only who holds the lock writes.')
    await this.#query({
      name: 'write-events',
      text: WRITE,
      values: [
        head,
        textArray(rows.map(({ stream }) => tenantOfStream(stream) ?? '')),
        textArray(rows.map(({ stream }) => stream)),
        int8Array(rows.map(({ revision }) => revision)),
        uuidArray(rows.map(({ id }) => id)),
        textArray(rows.map(({ type }) => type)),
        textArray(rows.map(({ data }) => data)),
        textArray(rows.map(({ metadata }) => metadata)),
        (head + BigInt(rows.length)).toString(),
      ],
    })
  }

  /** Lets the appenders of other processes in. */
  async release(): Promise<void> {
    if (!this.#holdsLock) return
    await this.#query({ name: 'end-append', text: 'select log.end_append()' })
    this.#holdsLock = false
  }

  /** Ends the connection without waiting; the server gives the lock back. */
  close(): void {
    this.#client.end().catch(() => {})
  }

  #query<Row extends pg.QueryResultRow | unknown[]>(
    query: pg.QueryConfig & { rowMode?: 'array' },
  ): Promise<{ rows: Row[] }> {
    return withTimeout(this.#client.query(query) as Promise<{ rows: Row[] }>, this.#timeoutMs)
  }
}

type PreparedRow = [id: string | null, stream: string | null, revision: bigint, position: bigint]

function logStateOf(rows: readonly PreparedRow[]): LogState {
  const revisions = new Map<string, bigint>()
  const known = new Map<string, KnownEvent>()
  let head = 0n
  for (const [id, stream, revision, position] of rows) {
    if (stream === null) head = position
    else if (id === null) revisions.set(stream, revision)
    else known.set(id, { stream, revision, position })
  }
  return { head, revisions, known }
}
