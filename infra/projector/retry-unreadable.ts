import { sql } from 'kysely'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { ParkedStream } from '../../services/ports/projections.ts'
import { UNREADABLE } from './plan.ts'
import { type RetryDeps, retryParked } from './retry.ts'

/**
 * While a newer program is rolled out, an older one may project, and parks what it cannot read.
 * Whoever takes over tries again: a program that knows the event's version leaves nothing parked.
 */
export async function retryUnreadable(
  deps: RetryDeps,
  models: readonly AnyReadModel[],
): Promise<void> {
  const { rows } = await sql<ParkedStream>`
    select tenant_id as "tenantId", read_model as "readModel", stream
    from ${sql.table(`${deps.schema}.parked_streams`)}
    where starts_with(cause, ${UNREADABLE})`.execute(deps.db)
  for (const parked of rows) {
    const model = models.find(({ name }) => name === parked.readModel)
    if (model !== undefined) await retryParked(deps, model, parked)
  }
}
