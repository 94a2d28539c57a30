import { setTimeout as delay } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { v5 as uuidOf } from 'uuid'
import {
  countEndedRuns,
  countOpenRuns,
  lastScheduledRun,
  type WorkflowRunsTables,
} from '../../projections/workflows/workflow-runs.ts'
import {
  scheduledWorkflows,
  type WorkflowRow,
  type WorkflowsTables,
} from '../../projections/workflows/workflows.ts'
import type { Standing } from '../kernel/standing.ts'
import type { Logger } from '../ports/logger.ts'
import type { Metrics } from '../ports/metrics.ts'
import { dueAt, type Schedule } from './due.ts'
import { isRefusal } from './lasting.ts'
import { type StartRunDeps, startRun } from './start-run.ts'

const TICK_MS = 5_000
/** Those that are over are many, and are counted once in so many turns. */
const ENDED_EVERY = 12
/** Namespace of what a run is known by that a schedule starts (RFC 9562, version 5). */
const OCCASION_NAMESPACE = '0f5b3f0c-7d0e-4e52-8a44-5d7c0a9b6e31'

export type ScheduleDeps = StartRunDeps & {
  readonly db: Kysely<WorkflowsTables & WorkflowRunsTables>
  readonly standing: Standing
  readonly logger: Logger
  readonly metrics: Pick<Metrics, 'workflowRuns'>
  readonly tickMs?: number
}

/**
 * Until `signal` aborts: starts the runs that schedules owe. Any number of processes may do it, and a
 * restart finds what is due: each occasion starts one run, and of those that passed meanwhile the last.
 */
export async function runWorkflowSchedule(deps: ScheduleDeps, signal: AbortSignal): Promise<void> {
  const started = new Map<string, string>()
  for (let turn = 0; !signal.aborted; turn++) {
    try {
      await tick(deps, started)
      await measure(deps, turn % ENDED_EVERY === 0)
    } catch (error) {
      deps.logger.warn({ err: error }, 'The schedule of workflows skipped a turn.')
    }
    await delay(deps.tickMs ?? TICK_MS, undefined, { signal }).catch(() => {})
  }
}

async function measure({ db, metrics }: ScheduleDeps, withEnded: boolean): Promise<void> {
  const open = await countOpenRuns(db)
  for (const status of ['running', 'ending', 'suspended'] as const)
    metrics.workflowRuns(status, open[status])
  if (!withEnded) return
  const ended = await countEndedRuns(db)
  for (const status of ['completed', 'faulted', 'cancelled'] as const)
    metrics.workflowRuns(status, ended[status])
}

/** @param started the occasion that was seen to last, by workflow, so that it is not looked at again. */
async function tick(deps: ScheduleDeps, started: Map<string, string>): Promise<void> {
  for (const row of await scheduledWorkflows(deps.db)) {
    const id = `${row.tenant_id}/${row.workflow_id}`
    try {
      const occasion = await occasionOf(deps, row)
      if (occasion === undefined || started.get(id) === occasion) continue
      await start(deps, row, occasion)
      started.set(id, occasion)
    } catch (error) {
      // The other workflows, perhaps of other tenants, must not wait for this one.
      deps.logger.warn({ workflow: id, err: error }, 'The schedule left a workflow out.')
    }
  }
}

async function occasionOf(deps: ScheduleDeps, row: WorkflowRow): Promise<string | undefined> {
  const schedule = (row.schedule ?? {}) as Schedule
  const last =
    schedule.after === undefined
      ? undefined
      : await lastScheduledRun(deps.db, row.tenant_id, row.workflow_id)
  const due = dueAt(
    {
      schedule,
      timeZone: row.time_zone,
      since: new Date(row.scheduled_since),
      last: last && {
        runId: last.run_id,
        endedAt: last.ended_at === null ? null : new Date(last.ended_at),
      },
    },
    deps.now(),
  )
  return due && `${row.version} ${due.occasion}`
}

async function start(deps: ScheduleDeps, row: WorkflowRow, occasion: string): Promise<void> {
  const { tenant_id: tenantId, workflow_id: workflow, version } = row
  const owner = { actorId: row.owner_id, scopes: row.owner_scopes }
  if (!(await deps.standing.may(tenantId, owner, 'workflows:write'))) {
    deps.logger.warn({ tenantId, workflow }, 'Its author may not start runs any more.')
    return
  }
  const [namespace = '', name = ''] = workflow.split('.')
  const commandId = uuidOf(`${tenantId}/${workflow}/${occasion}`, OCCASION_NAMESPACE)
  const by = { tenantId, actorId: row.owner_id, correlationId: commandId, causationId: commandId }
  try {
    const wanted = { namespace, name, version, input: {}, owner, trigger: 'schedule' } as const
    await startRun(deps, wanted, { ...by, commandId })
  } catch (error) {
    // The read model knows later than the stream that it was removed; other refusals stay refusals.
    if (!isRefusal(error)) throw error
    deps.logger.warn({ tenantId, workflow, err: error }, 'A scheduled run was refused.')
  }
}
