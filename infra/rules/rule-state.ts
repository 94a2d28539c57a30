import type pg from 'pg'
import type { RuleState } from '../../services/ports/rule-state.ts'

type SnapshotRow = { readonly tenant_id: string; readonly position: bigint; readonly state: string }

/** In Postgres, one row a tenant. A writer that stood still changes no row that is further already. */
export function createRuleState(pool: pg.Pool): RuleState {
  return {
    async snapshots(format) {
      const { rows } = await pool.query<SnapshotRow>(
        'select tenant_id, position, state from ops.rule_snapshots where format = $1',
        [format],
      )
      return rows.map(({ tenant_id: tenantId, position, state }) => ({
        ...{ tenantId, position },
        state: JSON.parse(state) as unknown,
      }))
    },

    async save(format, changed, position) {
      await pool.query(
        `with unchanged as (
           update ops.rule_snapshots set position = $2
           where format = $1 and position < $2 and not tenant_id = any ($3::text[]))
         insert into ops.rule_snapshots as s (tenant_id, format, position, state)
         select tenant_id, $1, $2, state from unnest($3::text[], $4::text[]) as c (tenant_id, state)
         on conflict (tenant_id) do update
           set format = excluded.format, position = excluded.position, state = excluded.state
           where s.position < excluded.position or s.format <> excluded.format`,
        [
          format,
          position,
          changed.map(({ tenantId }) => tenantId),
          changed.map(({ state }) => JSON.stringify(state)),
        ],
      )
    },

    async actionsFrom(tenantId) {
      const { rows } = await pool.query<{ revision: bigint }>(
        'select revision from ops.rule_actions_from where tenant_id = $1',
        [tenantId],
      )
      return rows[0]?.revision ?? 0n
    },

    async saveActionsFrom(tenantId, revision) {
      await pool.query(
        `insert into ops.rule_actions_from as a (tenant_id, revision) values ($1, $2)
         on conflict (tenant_id) do update set revision = excluded.revision
           where a.revision < excluded.revision`,
        [tenantId, revision],
      )
    },
  }
}
