import { type Kysely, sql, type Transaction } from 'kysely'
import type { RecordedEvent } from '../../services/ports/event-store.ts'

/** An event that a read model leaves out; `cause` only for the one that parks its stream. */
export type ParkedEvent = { readonly event: RecordedEvent; readonly cause?: string }

export async function readParkedStreams(
  db: Kysely<unknown>,
  schema: string,
  readModel: string,
): Promise<Set<string>> {
  const { rows } = await sql<{ stream: string }>`
    select stream from ${sql.table(`${schema}.parked_streams`)}
    where read_model = ${readModel}`.execute(db)
  return new Set(rows.map(({ stream }) => stream))
}

export async function park(
  trx: Transaction<unknown>,
  readModel: string,
  parked: readonly ParkedEvent[],
): Promise<void> {
  if (parked.length === 0) return
  const streams = parked.flatMap(({ event, cause }) =>
    cause === undefined
      ? []
      : [{ tenant_id: event.tenantId, read_model: readModel, stream: event.stream, cause }],
  )
  await sql`
    insert into parked_streams
    select * from json_populate_recordset(null::parked_streams, ${JSON.stringify(streams)}::json)
    on conflict do nothing`.execute(trx)
  const events = parked.map(({ event }) => ({
    ...{ tenant_id: event.tenantId, read_model: readModel, stream: event.stream },
    ...{ position: event.position.toString(), revision: event.revision.toString() },
    ...{ event_id: event.eventId, type: event.type },
  }))
  await sql`
    insert into parked_events
    select * from json_populate_recordset(null::parked_events, ${JSON.stringify(events)}::json)
    on conflict do nothing`.execute(trx)
}
