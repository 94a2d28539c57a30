import { type Static, Type } from 'typebox'
import type { SourceRow } from '../../projections/registry/sources.ts'

const instant = Type.String({ format: 'date-time' })
const count = Type.Integer({ minimum: 0 })

const Run = Type.Object({
  runId: Type.String(),
  status: Type.Union([Type.Literal('running'), Type.Literal('completed'), Type.Literal('failed')]),
  trigger: Type.String(),
  startedAt: instant,
  endedAt: Type.Optional(instant),
  failure: Type.Optional(Type.Object({ code: Type.String(), cause: Type.String() })),
})

const Totals = Type.Object(
  {
    pages: count,
    bytes: count,
    added: count,
    changed: count,
    removed: count,
    unchanged: count,
    invalid: Type.Integer({ description: 'kept although they break their own schema' }),
    refused: Type.Integer({ description: 'not kept: without a name, too large, too deep' }),
    durationMs: Type.Number(),
  },
  { description: 'what the last run that ended did' },
)

const source = {
  sourceId: Type.String(),
  name: Type.String(),
  kind: Type.Union([Type.Literal('official'), Type.Literal('file')]),
  location: Type.String(),
  syncIntervalSeconds: Type.Integer(),
  addedAt: instant,
  status: Type.Union([
    Type.Literal('new'),
    Type.Literal('syncing'),
    Type.Literal('healthy'),
    Type.Literal('failing'),
  ]),
  lastRun: Type.Optional(Run),
  lastTotals: Type.Optional(Totals),
  lastCompletedAt: Type.Optional(instant),
}

export const Source = Type.Object(source)

export const SourceDetail = Type.Object({
  ...source,
  entries: count,
  progress: Type.Optional(
    Type.Object(
      {
        runId: Type.String(),
        phase: Type.String(),
        pages: count,
        bytes: count,
        entries: count,
        added: count,
        changed: count,
        removed: count,
        updatedAt: instant,
      },
      { description: 'of the run that is going on now' },
    ),
  ),
})

const STATUS = { running: 'syncing', completed: 'healthy', failed: 'failing' } as const

export function sourceView(row: SourceRow): Static<typeof Source> {
  return {
    sourceId: row.source_id,
    name: row.name,
    kind: row.kind,
    location: row.location,
    syncIntervalSeconds: row.sync_interval_seconds,
    addedAt: iso(row.added_at),
    status: row.run_status === null ? 'new' : STATUS[row.run_status],
    ...runView(row),
    ...(row.last_completed_at === null ? {} : { lastCompletedAt: iso(row.last_completed_at) }),
  }
}

function runView(row: SourceRow): Pick<Static<typeof Source>, 'lastRun' | 'lastTotals'> {
  if (row.run_id === null || row.run_status === null || row.run_started_at === null) return {}
  const failure =
    row.run_status === 'failed'
      ? { failure: { code: row.failure_code ?? '', cause: row.failure_cause ?? '' } }
      : {}
  return {
    lastRun: {
      runId: row.run_id,
      status: row.run_status,
      trigger: row.run_trigger ?? '',
      startedAt: iso(row.run_started_at),
      ...(row.run_ended_at === null ? {} : { endedAt: iso(row.run_ended_at) }),
      ...failure,
    },
    lastTotals: {
      pages: row.pages,
      bytes: Number(row.bytes),
      added: row.added,
      changed: row.changed,
      removed: row.removed,
      unchanged: row.unchanged,
      invalid: row.invalid,
      refused: row.refused,
      durationMs: row.duration_ms,
    },
  }
}

function iso(instantValue: Date | string): string {
  return new Date(instantValue).toISOString()
}
