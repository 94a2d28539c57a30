import type {
  FastifyPluginAsyncTypebox,
  FastifyPluginCallbackTypebox,
} from '@fastify/type-provider-typebox'
import type { Kysely } from 'kysely'
import { type Static, Type } from 'typebox'
import { runStream } from '../../domain/workflows/run/run.ts'
import {
  listWorkflowRuns,
  RUN_STATUSES,
  type WorkflowRunRow,
  type WorkflowRunsTables,
} from '../../projections/workflows/workflow-runs.ts'
import {
  decodeCursor,
  MAX_PAGE_BYTES,
  PageQuery,
  pageFrom,
  pageOf,
  takePart,
} from '../kernel/page.ts'
import { problem } from '../kernel/problem.ts'
import type { EventStore } from '../ports/event-store.ts'
import { HistoryStep, readHistory } from './run-history.ts'
import { runId } from './run-view.ts'
import { version, workflowName } from './workflow-view.ts'

export type RunReadsDeps = {
  readonly events: EventStore
  readonly db: Kysely<WorkflowRunsTables>
}

const tags = ['workflow runs']
const config = { access: 'workflows:read' } as const
const TRIGGERS = ['request', 'rule', 'schedule', 'event', 'run'] as const
const instant = Type.String({ format: 'date-time' })

const ListedRun = Type.Object({
  runId,
  workflow: workflowName,
  version,
  status: Type.Enum([...RUN_STATUSES]),
  suspended: Type.Boolean(),
  trigger: Type.String(),
  owner: Type.String(),
  parent: Type.Optional(runId),
  startedAt: instant,
  endedAt: Type.Optional(instant),
})

function listedRun(row: WorkflowRunRow): Static<typeof ListedRun> {
  return {
    ...{ runId: row.run_id, workflow: row.workflow_id, version: row.version },
    ...{ status: row.status, suspended: row.suspended, trigger: row.trigger, owner: row.owner_id },
    ...(row.parent_run_id === null ? {} : { parent: row.parent_run_id }),
    startedAt: new Date(row.started_at).toISOString(),
    ...(row.ended_at === null ? {} : { endedAt: new Date(row.ended_at).toISOString() }),
  }
}

/** Which runs there are, and what each did. */
export function runReads(deps: RunReadsDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    await app.register(list(deps))
    await app.register(history(deps))
  }
}

function list({ db }: RunReadsDeps): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      '/v1/workflow-runs',
      {
        config,
        schema: {
          tags,
          summary: 'List runs, the newest first',
          querystring: Type.Object({
            ...PageQuery,
            workflow: Type.Optional(workflowName),
            status: Type.Optional(Type.Enum([...RUN_STATUSES])),
            trigger: Type.Optional(Type.Enum([...TRIGGERS])),
          }),
          response: {
            200: Type.Object({
              items: Type.Array(ListedRun),
              nextCursor: Type.Optional(Type.String()),
            }),
          },
        },
      },
      async ({ actor, query: { limit = 30, cursor, ...filter } }) => {
        const after = cursor === undefined ? undefined : decodeCursor(cursor, 2)
        if (Number.isNaN(Date.parse(after?.[0] ?? new Date(0).toISOString())))
          throw problem(400, 'bad-cursor', 'This cursor is not one that a page of this list gave.')
        const rows = await listWorkflowRuns(db, actor.tenantId, filter, { after, limit: limit + 1 })
        return pageOf(rows, limit, listedRun, ({ started_at, run_id }) => [
          ...[new Date(started_at).toISOString(), run_id],
        ])
      },
    )
    done()
  }
}

function history({ events }: RunReadsDeps): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      '/v1/workflow-runs/:runId/steps',
      {
        config,
        schema: {
          tags,
          summary: 'What a run did, step by step',
          description: 'Each with its input, its output or error, and its attempts.',
          params: Type.Object({ runId }),
          querystring: Type.Object(PageQuery),
          response: {
            200: Type.Object({
              items: Type.Array(HistoryStep),
              nextCursor: Type.Optional(Type.String()),
            }),
          },
        },
      },
      async ({ actor, params, query: { limit = 30, cursor } }) => {
        const [last = '0'] = cursor === undefined ? [] : decodeCursor(cursor, 1)
        if (!/^\d{1,9}$/.test(last))
          throw problem(400, 'bad-cursor', 'This cursor is not one that a page of this list gave.')
        const stream = runStream(actor.tenantId, params.runId)
        const bounds = { after: Number(last), limit: limit + 1 }
        const steps = await readHistory(events.readStream(stream), bounds)
        if (steps.length === 0 && last === '0' && !(await exists(events, stream)))
          throw problem(404, 'run-not-found', 'There is no such run.')
        const size = (step: (typeof steps)[number]) => JSON.stringify(step).length
        const part = await takePart(each(steps), { limit, bytes: MAX_PAGE_BYTES }, size)
        return pageFrom(
          part,
          (step) => step,
          ({ step }) => [String(step)],
        )
      },
    )
    done()
  }
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

async function exists(events: EventStore, stream: string): Promise<boolean> {
  for await (const _event of events.readStream(stream)) return true
  return false
}
