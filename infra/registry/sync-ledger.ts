import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import type {
  PageEntries,
  RunningSync,
  SeenPage,
  SeenWalk,
  SourceKey,
  SyncLedger,
  SyncProgress,
} from '../../services/ports/sync-ledger.ts'

/** The ledger in Postgres; leases run by the database's clock, which all processes share. */
export function createSyncLedger(pool: pg.Pool): SyncLedger {
  const owner = randomUUID()
  return {
    async claim({ tenantId, sourceId }, runId, leaseMs) {
      const { rowCount } = await pool.query(
        `insert into ops.registry_runs as r
           (tenant_id, source_id, run_id, owner, lease_until, progress, updated_at)
         values ($1, $2, $3, $4, now() + $5 * interval '1 millisecond', $6, now())
         on conflict (tenant_id, source_id) do update set run_id = excluded.run_id,
           owner = excluded.owner, lease_until = excluded.lease_until,
           progress = excluded.progress, updated_at = excluded.updated_at
         where r.lease_until < now()`,
        [tenantId, sourceId, runId, owner, leaseMs, NOTHING_YET],
      )
      return rowCount === 1
    },

    async report({ tenantId, sourceId }, runId, progress, leaseMs) {
      const { rowCount } = await pool.query(
        `update ops.registry_runs set progress = $5, updated_at = now(),
           lease_until = now() + $6 * interval '1 millisecond'
         where tenant_id = $1 and source_id = $2 and run_id = $3 and owner = $4`,
        [tenantId, sourceId, runId, owner, progress, leaseMs],
      )
      return rowCount === 1
    },

    async release({ tenantId, sourceId }, runId) {
      await pool.query(
        `delete from ops.registry_runs
         where tenant_id = $1 and source_id = $2 and run_id = $3 and owner = $4`,
        [tenantId, sourceId, runId, owner],
      )
    },

    async running({ tenantId, sourceId }) {
      const { rows } = await pool.query<RunRow>(
        `select run_id, progress, updated_at from ops.registry_runs
         where tenant_id = $1 and source_id = $2 and lease_until >= now()`,
        [tenantId, sourceId],
      )
      return rows[0] && runningSync(rows[0])
    },

    async lastWalk({ tenantId, sourceId }) {
      const { rows } = await pool.query<WalkRow>(
        `select pages, catalogue_position from ops.registry_walks
         where tenant_id = $1 and source_id = $2`,
        [tenantId, sourceId],
      )
      return rows[0] && seenWalk(rows[0])
    },

    async entriesOfLastWalk({ tenantId, sourceId }) {
      const { rows } = await pool.query<{ cursor: string; entries: [string, string][] }>(
        'select cursor, entries from ops.registry_pages where tenant_id = $1 and source_id = $2',
        [tenantId, sourceId],
      )
      return new Map(
        rows.map(({ cursor, entries }) => [
          cursor,
          entries.map(([name, version]) => ({ name, version })),
        ]),
      )
    },

    saveWalk: (source, walk, changed) => saveWalk(pool, source, walk, changed),

    async forget({ tenantId, sourceId }) {
      for (const table of ['registry_walks', 'registry_pages'])
        await pool.query(`delete from ops.${table} where tenant_id = $1 and source_id = $2`, [
          tenantId,
          sourceId,
        ])
    },
  }
}

const NOTHING_YET: SyncProgress = {
  phase: 'waiting',
  pages: 0,
  bytes: 0,
  entries: 0,
  added: 0,
  changed: 0,
  removed: 0,
}

type RunRow = { run_id: string; progress: SyncProgress; updated_at: Date }

function runningSync({ run_id, progress, updated_at }: RunRow): RunningSync {
  return { ...progress, runId: run_id, updatedAt: updated_at }
}

/** JSON leaves out what is undefined. */
type StoredPage = Omit<SeenPage, 'nextCursor' | 'newestUpdatedAt'> & {
  readonly nextCursor?: string
  readonly newestUpdatedAt?: string
}
type WalkRow = { pages: StoredPage[]; catalogue_position: bigint }

function seenWalk({ pages, catalogue_position }: WalkRow): SeenWalk {
  return {
    pages: pages.map((page) => ({ nextCursor: undefined, newestUpdatedAt: undefined, ...page })),
    cataloguePosition: catalogue_position,
  }
}

async function saveWalk(
  pool: pg.Pool,
  { tenantId, sourceId }: SourceKey,
  { pages, cataloguePosition }: SeenWalk,
  changed: PageEntries,
): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query(
      `insert into ops.registry_walks (tenant_id, source_id, pages, catalogue_position)
       values ($1, $2, $3, $4)
       on conflict (tenant_id, source_id) do update set pages = excluded.pages,
         catalogue_position = excluded.catalogue_position`,
      [tenantId, sourceId, JSON.stringify(pages), cataloguePosition],
    )
    await client.query(
      `delete from ops.registry_pages
       where tenant_id = $1 and source_id = $2 and cursor <> all($3::text[])`,
      [tenantId, sourceId, pages.map(({ cursor }) => cursor)],
    )
    await client.query(
      `insert into ops.registry_pages (tenant_id, source_id, cursor, entries)
       select $1, $2, * from json_to_recordset($3::json) as x (cursor text, entries jsonb)
       on conflict (tenant_id, source_id, cursor) do update set entries = excluded.entries`,
      [tenantId, sourceId, JSON.stringify(pageRows(changed))],
    )
    await client.query('commit')
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  } finally {
    client.release()
  }
}

function pageRows(changed: PageEntries) {
  return [...changed].map(([cursor, entries]) => ({
    cursor,
    entries: entries.map(({ name, version }) => [name, version]),
  }))
}
