import { type Kysely, sql } from 'kysely'
import type { ScheduledSet } from '../../domain/workflows/run/scheduled.ts'
import type { ScheduleKey, SetChanges, SetRow } from '../../services/ports/run-waits.ts'

type Database = Kysely<unknown>

export async function openSets(
  db: Database,
  { tenantId, workflow }: ScheduleKey,
): Promise<readonly SetRow[]> {
  const { rows } = await sql<{ set_id: string; opened: bigint; state: string }>`
    select set_id, opened, state from ops.workflow_scheduled_sets
    where tenant_id = ${tenantId} and workflow = ${workflow} order by opened`.execute(db)
  return rows.map(({ set_id: setId, opened, state }) => {
    return { tenantId, workflow, setId, opened, set: JSON.parse(state) as ScheduledSet }
  })
}

export async function applySets(
  trx: Database,
  { schedulesOver, kept, over }: SetChanges,
): Promise<void> {
  for (const { tenantId, workflow } of schedulesOver)
    await sql`
      delete from ops.workflow_scheduled_sets
      where tenant_id = ${tenantId} and workflow = ${workflow}`.execute(trx)
  for (const { tenantId, workflow, setId, opened, set } of kept)
    await sql`
      insert into ops.workflow_scheduled_sets (tenant_id, workflow, set_id, opened, state)
      values (${tenantId}, ${workflow}, ${setId}, ${opened}, ${JSON.stringify(set)})
      on conflict (tenant_id, workflow, set_id) do update set state = excluded.state`.execute(trx)
  for (const { tenantId, workflow, setId } of over)
    await sql`
      delete from ops.workflow_scheduled_sets
      where tenant_id = ${tenantId} and workflow = ${workflow} and set_id = ${setId}`.execute(trx)
}
