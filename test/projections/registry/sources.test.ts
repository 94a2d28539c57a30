import t from 'tap'
import { sources } from '../../../projections/registry/sources.ts'
import { eventMeta } from '../../support/event-meta.ts'

const meta = eventMeta()
const at = { tenant_id: 'acme', source_id: 'main' }
const startedAt = '2026-01-02T03:04:05.000Z'
const totals = { pages: 1, bytes: 2, added: 3, changed: 4, removed: 5, durationMs: 6 }
const columns = { pages: 1, bytes: 2, added: 3, changed: 4, removed: 5, duration_ms: 6 }
const run = { sourceId: 'main', runId: '8d2f6b1e-54a5-4d9c-8a55-6f1c1a6d3f17' }

t.test('a run that begins keeps what the last one did', async (t) => {
  const event = {
    type: 'RegistrySyncStarted',
    data: { ...run, trigger: 'request', startedAt },
  } as const
  t.same(sources.changes.RegistrySyncStarted?.(event, meta), [
    {
      table: 'registry_sources',
      at,
      patch: {
        run_id: run.runId,
        run_status: 'running',
        run_trigger: 'request',
        run_started_at: startedAt,
        run_ended_at: null,
      },
    },
  ])
})

t.test('a failed run shows its cause and keeps when the last good one ended', async (t) => {
  const event = {
    type: 'RegistrySyncFailed',
    data: { ...run, ...totals, code: 'upstream-status', cause: 'It broke.', failedAt: startedAt },
  } as const
  t.same(sources.changes.RegistrySyncFailed?.(event, meta), [
    {
      table: 'registry_sources',
      at,
      patch: {
        ...columns,
        run_status: 'failed',
        run_ended_at: startedAt,
        unchanged: 0,
        failure_code: 'upstream-status',
        failure_cause: 'It broke.',
      },
    },
  ])
})

t.test('a completed run clears the failure', async (t) => {
  const counts = { unchanged: 7, invalid: 8, refused: 9 }
  const event = {
    type: 'RegistrySyncCompleted',
    data: { ...run, ...totals, ...counts, completedAt: startedAt },
  } as const
  t.match(sources.changes.RegistrySyncCompleted?.(event, meta), [
    { at, patch: { ...columns, ...counts, failure_code: null, last_completed_at: startedAt } },
  ])
})

t.test('a removed source leaves no row', async (t) => {
  const event = {
    type: 'RegistrySourceRemoved',
    data: { sourceId: 'main', removedAt: startedAt },
  } as const
  t.same(sources.changes.RegistrySourceRemoved?.(event, meta), [
    { table: 'registry_sources', remove: at },
  ])
})
