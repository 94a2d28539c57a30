import type { Kysely, Selectable } from 'kysely'
import type { EventMeta } from '../../domain/kernel/event.ts'
import type { RegistrySourceEvent } from '../../domain/registry/events.ts'
import type { Change, ReadModel } from '../kernel/read-model.ts'

// Every source that a tenant mirrors, with its last run, one row each.

export interface SourcesTables {
  registry_sources: {
    tenant_id: string
    source_id: string
    name: string
    kind: 'official' | 'file'
    location: string
    sync_interval_seconds: number
    added_at: Date | string
    /** Undefined run = never synced. */
    run_id: string | null
    run_status: 'running' | 'completed' | 'failed' | null
    run_trigger: string | null
    run_started_at: Date | string | null
    run_ended_at: Date | string | null
    /** Counts of the last run that ended. */
    pages: number
    bytes: bigint | number
    added: number
    changed: number
    removed: number
    unchanged: number
    invalid: number
    refused: number
    duration_ms: number
    failure_code: string | null
    failure_cause: string | null
    last_completed_at: Date | string | null
  }
}

export type SourceRow = Selectable<SourcesTables['registry_sources']>

type Ended = {
  readonly pages: number
  readonly bytes: number
  readonly added: number
  readonly changed: number
  readonly removed: number
  readonly durationMs: number
}

function totals({ pages, bytes, added, changed, removed, durationMs }: Ended) {
  return { pages, bytes, added, changed, removed, duration_ms: durationMs }
}

type Patch = Extract<Change<SourcesTables>, { readonly patch: unknown }>['patch']

function patch({ tenantId }: EventMeta, sourceId: string, columns: Patch) {
  return [
    {
      table: 'registry_sources' as const,
      at: { tenant_id: tenantId, source_id: sourceId },
      patch: columns,
    },
  ]
}

export const sources: ReadModel<RegistrySourceEvent, SourcesTables> = {
  name: 'registry-sources',
  version: 1,
  keys: { registry_sources: ['tenant_id', 'source_id'] },
  changes: {
    RegistrySourceAdded: ({ data }, { tenantId }) => [
      {
        table: 'registry_sources',
        put: {
          tenant_id: tenantId,
          source_id: data.sourceId,
          name: data.name,
          kind: data.kind,
          location: data.location,
          sync_interval_seconds: data.syncIntervalSeconds,
          added_at: data.addedAt,
          run_id: null,
          run_status: null,
          run_trigger: null,
          run_started_at: null,
          run_ended_at: null,
          pages: 0,
          bytes: 0,
          added: 0,
          changed: 0,
          removed: 0,
          unchanged: 0,
          invalid: 0,
          refused: 0,
          duration_ms: 0,
          failure_code: null,
          failure_cause: null,
          last_completed_at: null,
        },
      },
    ],
    RegistrySourceRemoved: ({ data }, { tenantId }) => [
      { table: 'registry_sources', remove: { tenant_id: tenantId, source_id: data.sourceId } },
    ],
    RegistrySyncStarted: ({ data }, meta) =>
      patch(meta, data.sourceId, {
        run_id: data.runId,
        run_status: 'running',
        run_trigger: data.trigger,
        run_started_at: data.startedAt,
        run_ended_at: null,
      }),
    RegistrySyncCompleted: ({ data }, meta) =>
      patch(meta, data.sourceId, {
        ...totals(data),
        run_status: 'completed',
        run_ended_at: data.completedAt,
        unchanged: data.unchanged,
        invalid: data.invalid,
        refused: data.refused,
        failure_code: null,
        failure_cause: null,
        last_completed_at: data.completedAt,
      }),
    RegistrySyncFailed: ({ data }, meta) =>
      patch(meta, data.sourceId, {
        ...totals(data),
        run_status: 'failed',
        run_ended_at: data.failedAt,
        unchanged: 0,
        failure_code: data.code,
        failure_cause: data.cause,
      }),
  },
}

export function listSources(
  db: Kysely<SourcesTables>,
  tenantId: string,
  page: { readonly after: string; readonly limit: number },
): Promise<SourceRow[]> {
  return db
    .selectFrom('registry_sources')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('source_id', '>', page.after)
    .orderBy('source_id')
    .limit(page.limit)
    .execute()
}

export function findSource(
  db: Kysely<SourcesTables>,
  tenantId: string,
  sourceId: string,
): Promise<SourceRow | undefined> {
  return db
    .selectFrom('registry_sources')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('source_id', '=', sourceId)
    .executeTakeFirst()
}

/** Of every tenant: for the schedule alone, no request reaches it. */
export function sourcesOfAllTenants(db: Kysely<SourcesTables>): Promise<SourceRow[]> {
  return db.selectFrom('registry_sources').selectAll().execute()
}
