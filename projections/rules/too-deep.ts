import { type Kysely, sql } from 'kysely'
import type { CausesTables } from '../audit/causes.ts'
import type { RuleEvaluationsTables } from './rule-evaluations.ts'

/** As many as an engine remembers. */
const MAX_LISTED = 100_000

/**
 * Events whose effects were caused through more than `depth` rule actions: matches at that depth, and what they led to.
 *
 * @returns ids of events.
 */
export async function listDeeper(
  db: Kysely<RuleEvaluationsTables & CausesTables>,
  tenantId: string,
  depth: number,
): Promise<readonly string[]> {
  const { rows } = await sql<{ event_id: string }>`
    with recursive deep (event_id) as (
      select evaluation_id::text from rule_evaluations
      where tenant_id = ${tenantId} and depth >= ${depth} and depth > 4 and verdict = 'matched'
      union
      select effect.event_id::text from deep
      join causes as effect on effect.tenant_id = ${tenantId} and effect.causation_id = deep.event_id
    )
    select event_id from deep limit ${MAX_LISTED}`.execute(db)
  return rows.map(({ event_id: id }) => id)
}
