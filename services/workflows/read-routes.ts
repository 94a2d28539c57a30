import type {
  FastifyPluginAsyncTypebox,
  FastifyPluginCallbackTypebox,
} from '@fastify/type-provider-typebox'
import type { Kysely } from 'kysely'
import { Type } from 'typebox'
import {
  findWorkflow,
  findWorkflowVersion,
  listWorkflows,
  listWorkflowVersions,
  type WorkflowRow,
  type WorkflowsTables,
} from '../../projections/workflows/workflows.ts'
import { decodeCursor, PageQuery, pageOf } from '../kernel/page.ts'
import { problem } from '../kernel/problem.ts'
import { version, Workflow, WorkflowVersion, workflowName, workflowView } from './workflow-view.ts'

export type WorkflowReadsDeps = { readonly db: Kysely<WorkflowsTables> }

const tags = ['workflows']
const config = { access: 'workflows:read' } as const
const Params = Type.Object({ workflow: workflowName })

export function workflowReads({ db }: WorkflowReadsDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/workflows',
      {
        config,
        schema: {
          tags,
          summary: 'List workflows',
          querystring: Type.Object(PageQuery),
          response: {
            200: Type.Object({
              items: Type.Array(Workflow),
              nextCursor: Type.Optional(Type.String()),
            }),
          },
        },
      },
      async ({ actor, query: { limit = 30, cursor } }) => {
        const [after] = cursor === undefined ? [] : decodeCursor(cursor, 1)
        const rows = await listWorkflows(db, actor.tenantId, { after, limit: limit + 1 })
        return pageOf(rows, limit, workflowView, ({ workflow_id }) => [workflow_id])
      },
    )

    app.get(
      '/v1/workflows/:workflow',
      {
        config,
        schema: {
          tags,
          summary: 'A workflow as it is now',
          params: Params,
          response: { 200: Workflow },
        },
      },
      async ({ actor, params }) =>
        workflowView(await existing(db, actor.tenantId, params.workflow)),
    )
    await app.register(versionReads({ db }))
  }
}

function versionReads({ db }: WorkflowReadsDeps): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      '/v1/workflows/:workflow/versions',
      {
        config,
        schema: {
          tags,
          summary: 'The versions of a workflow, the one that was applied last first',
          params: Params,
          response: { 200: Type.Object({ items: Type.Array(WorkflowVersion) }) },
        },
      },
      async ({ actor: { tenantId }, params }) => {
        const { version: current } = await existing(db, tenantId, params.workflow)
        const rows = await listWorkflowVersions(db, tenantId, params.workflow)
        const items = rows.map((row) => ({
          ...{ version: row.version, hash: row.document_hash, current: row.version === current },
          ...{ appliedBy: row.owner_id, appliedAt: new Date(row.applied_at).toISOString() },
        }))
        return { items }
      },
    )

    app.get(
      '/v1/workflows/:workflow/source',
      {
        config,
        schema: {
          tags,
          summary: 'The document as its author wrote it',
          params: Params,
          querystring: Type.Object({ version: Type.Optional(version) }),
          produces: ['application/yaml'],
          response: { 200: Type.String() },
        },
      },
      async ({ actor: { tenantId }, params: { workflow: id }, query }, reply) => {
        const wanted = query.version ?? (await existing(db, tenantId, id)).version
        const row = await findWorkflowVersion(db, tenantId, id, wanted)
        if (row === undefined)
          throw problem(404, 'workflow-not-found', `"${id}" has no version "${wanted}".`)
        // JSON is YAML.
        reply.header('content-type', 'application/yaml; charset=utf-8')
        return row.source
      },
    )
    done()
  }
}

async function existing(
  db: Kysely<WorkflowsTables>,
  tenantId: string,
  id: string,
): Promise<WorkflowRow> {
  const row = await findWorkflow(db, tenantId, id)
  if (row === undefined) throw problem(404, 'workflow-not-found', `There is no workflow "${id}".`)
  return row
}
