import { type Kysely, type Selectable, sql } from 'kysely'
import { eventCatalogue } from '../../domain/event-catalogue.ts'
import type { EventMeta } from '../../domain/kernel/event.ts'
import type { Change, ReadModel } from '../kernel/read-model.ts'

// What led to each event, so that the log can be read along its causes, up and down.

export interface CausesTables {
  causes: {
    tenant_id: string
    event_id: string
    /** The event that led to it, or the request or run, which is no event. */
    causation_id: string
    position: bigint
    stream: string
    revision: bigint
    type: string
    occurred_at: Date | string
  }
}

export type CauseRow = Selectable<CausesTables['causes']>

/**
 * Nearly every event of a busy log is one of these, and most lead to nothing. They have no row; what they
 * led to has one, and names them.
 */
export const UNLISTED_TYPES: readonly string[] = ['ToolCalled', 'UsageTracked']

const types = Object.values(eventCatalogue)
  .flatMap((events) => Object.keys(events))
  .filter((type) => !UNLISTED_TYPES.includes(type))

function listed({ type }: { readonly type: string }, meta: EventMeta): Change<CausesTables>[] {
  const row = {
    tenant_id: meta.tenantId,
    event_id: meta.eventId,
    causation_id: meta.causationId,
    position: meta.position,
    stream: meta.stream,
    revision: meta.revision,
    type,
    occurred_at: meta.time,
  }
  return [{ table: 'causes', put: row }]
}

export const causes: ReadModel<{ readonly type: string }, CausesTables> = {
  name: 'causes',
  version: 1,
  keys: { causes: ['tenant_id', 'event_id'] },
  changes: Object.fromEntries(types.map((type) => [type, listed])),
}

export async function findCause(
  db: Kysely<CausesTables>,
  tenantId: string,
  eventId: string,
): Promise<CauseRow | undefined> {
  return await db
    .selectFrom('causes')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('event_id', '=', eventId)
    .executeTakeFirst()
}

/**
 * What these events directly led to, in the order of the log, of each at most `each` after
 * the position `after`.
 */
export async function listEffects(
  db: Kysely<CausesTables>,
  tenantId: string,
  eventIds: readonly string[],
  { each, after }: { readonly each: number; readonly after: bigint },
): Promise<readonly CauseRow[]> {
  if (eventIds.length === 0) return []
  const { rows } = await sql<CauseRow>`
    select effect.* from unnest(${eventIds}::text[]) as cause (event_id)
    cross join lateral (
      select * from causes
      where tenant_id = ${tenantId} and causation_id = cause.event_id and position > ${after}
      order by position limit ${each}
    ) as effect
    order by effect.position`.execute(db)
  return rows
}
