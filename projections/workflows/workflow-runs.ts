import { type Kysely, type Selectable, sql } from 'kysely'
import type { EventMeta } from '../../domain/kernel/event.ts'
import type { RunEvent } from '../../domain/workflows/run-events.ts'
import type { Change, ReadModel } from '../kernel/read-model.ts'

// Every run of a workflow, one row each. What went through it is not here: that is personal data, and
// is read from the run's stream.

export const RUN_STATUSES = ['running', 'ending', 'completed', 'faulted', 'cancelled'] as const
export type RunStatus = (typeof RUN_STATUSES)[number]

export interface WorkflowRunsTables {
  workflow_runs: {
    tenant_id: string
    run_id: string
    /** `<namespace>.<name>` */
    workflow_id: string
    version: string
    /** `ending`: it was cancelled or failed, and what it did is being taken back. */
    status: RunStatus
    suspended: boolean
    trigger: string
    owner_id: string
    /** The run that waits for it. */
    parent_run_id: string | null
    started_at: Date | string
    ended_at: Date | string | null
  }
}

export type WorkflowRunRow = Selectable<WorkflowRunsTables['workflow_runs']>
type Patch = Extract<Change<WorkflowRunsTables>, { readonly patch: unknown }>['patch']

function patch({ tenantId }: EventMeta, runId: string, columns: Patch) {
  const at = { tenant_id: tenantId, run_id: runId }
  return [{ table: 'workflow_runs' as const, at, patch: columns }]
}

export const workflowRuns: ReadModel<RunEvent, WorkflowRunsTables> = {
  name: 'workflow-runs',
  version: 1,
  keys: { workflow_runs: ['tenant_id', 'run_id'] },
  changes: {
    WorkflowRunStarted: ({ data }, { tenantId }) => [
      {
        table: 'workflow_runs',
        put: {
          tenant_id: tenantId,
          run_id: data.runId,
          workflow_id: `${data.namespace}.${data.name}`,
          version: data.version,
          status: 'running',
          suspended: false,
          trigger: data.trigger,
          owner_id: data.owner.actorId,
          parent_run_id: data.parent?.runId ?? null,
          started_at: data.startedAt,
          ended_at: null,
        },
      },
    ],
    RunSuspended: ({ data }, meta) => patch(meta, data.runId, { suspended: true }),
    RunResumed: ({ data }, meta) => patch(meta, data.runId, { suspended: false }),
    RunCancelRequested: ({ data }, meta) => patch(meta, data.runId, { status: 'ending' }),
    CompensationStarted: ({ data }, meta) => patch(meta, data.runId, { status: 'ending' }),
    RunRetried: ({ data }, meta) =>
      patch(meta, data.runId, { status: 'running', suspended: false, ended_at: null }),
    RunCompleted: ({ data }, meta) =>
      patch(meta, data.runId, { status: 'completed', ended_at: data.completedAt }),
    RunFaulted: ({ data }, meta) =>
      patch(meta, data.runId, { status: 'faulted', ended_at: data.faultedAt }),
    RunCancelled: ({ data }, meta) =>
      patch(meta, data.runId, { status: 'cancelled', ended_at: data.cancelledAt }),
  },
}

export type RunFilter = {
  readonly workflow?: string | undefined
  readonly status?: RunStatus | undefined
  readonly trigger?: string | undefined
}

/** The newest first. @param page `after`: the start and the id of the run before, exclusive. */
export function listWorkflowRuns(
  db: Kysely<WorkflowRunsTables>,
  tenantId: string,
  { workflow, status, trigger }: RunFilter,
  { after, limit }: { readonly after?: readonly string[] | undefined; readonly limit: number },
): Promise<WorkflowRunRow[]> {
  let query = db.selectFrom('workflow_runs').selectAll().where('tenant_id', '=', tenantId)
  if (workflow !== undefined) query = query.where('workflow_id', '=', workflow)
  if (status !== undefined) query = query.where('status', '=', status)
  if (trigger !== undefined) query = query.where('trigger', '=', trigger)
  if (after !== undefined)
    query = query.where(
      sql<boolean>`(started_at, run_id) < (${after[0]}::timestamptz, ${after[1]})`,
    )
  return query.orderBy('started_at', 'desc').orderBy('run_id', 'desc').limit(limit).execute()
}

/** Of all tenants: how many runs go on, by what they do. */
export async function countOpenRuns(
  db: Kysely<WorkflowRunsTables>,
): Promise<Readonly<Record<'running' | 'ending' | 'suspended', number>>> {
  const rows = await db
    .selectFrom('workflow_runs')
    .select(['status', 'suspended', (on) => on.fn.countAll<string>().as('count')])
    .where('ended_at', 'is', null)
    .groupBy(['status', 'suspended'])
    .execute()
  const counts = { running: 0, ending: 0, suspended: 0 }
  for (const { status, suspended, count } of rows)
    counts[suspended ? 'suspended' : status === 'ending' ? 'ending' : 'running'] += Number(count)
  return counts
}

/** Of all tenants: how many runs are over, by how they ended. It reads all of them. */
export async function countEndedRuns(
  db: Kysely<WorkflowRunsTables>,
): Promise<Readonly<Record<'completed' | 'faulted' | 'cancelled', number>>> {
  const rows = await db
    .selectFrom('workflow_runs')
    .select(['status', (on) => on.fn.countAll<string>().as('count')])
    .where('ended_at', 'is not', null)
    .groupBy('status')
    .execute()
  const counts = { completed: 0, faulted: 0, cancelled: 0 }
  return { ...counts, ...Object.fromEntries(rows.map((row) => [row.status, Number(row.count)])) }
}

/** The newest run that the workflow's schedule started. */
export function lastScheduledRun(
  db: Kysely<WorkflowRunsTables>,
  tenantId: string,
  workflow: string,
): Promise<WorkflowRunRow | undefined> {
  return db
    .selectFrom('workflow_runs')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('workflow_id', '=', workflow)
    .where('trigger', '=', 'schedule')
    .orderBy('started_at', 'desc')
    .limit(1)
    .executeTakeFirst()
}
