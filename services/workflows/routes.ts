import type {
  FastifyPluginAsyncTypebox,
  FastifyPluginCallbackTypebox,
} from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import {
  type WorkflowCommand,
  workflow,
  workflowStream,
} from '../../domain/workflows/definition.ts'
import { appendContext } from '../kernel/actor.ts'
import { execute } from '../kernel/execute.ts'
import { problem } from '../kernel/problem.ts'
import { type ApplyDeps, applyWorkflow } from './apply-workflow.ts'
import { diagramRoutes } from './diagram-routes.ts'
import { type WorkflowReadsDeps, workflowReads } from './read-routes.ts'
import { Applied, position, workflowName } from './workflow-view.ts'

export type WorkflowRoutesDeps = ApplyDeps & WorkflowReadsDeps

const tags = ['workflows']
const config = { access: 'workflows:write' } as const
const MEDIA_TYPES = ['application/yaml', 'application/json']

/** Definitions of workflows: documents of the Serverless Workflow DSL 1.0.3. */
export function workflowRoutes(deps: WorkflowRoutesDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    await app.register(workflowReads(deps))
    await app.register(applying(deps))
    await app.register(changing(deps))
    await app.register(diagramRoutes(deps))
  }
}

function applying(deps: WorkflowRoutesDeps): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    takeText(app)
    app.post(
      '/v1/workflows',
      {
        config,
        schema: {
          tags,
          summary: 'Apply a workflow document',
          description:
            'YAML or JSON. New runs begin with it; runs that have begun stay on their version. The ' +
            'same content again changes nothing; other content needs another version.',
          consumes: MEDIA_TYPES,
          querystring: Type.Object({
            enabled: Type.Optional(
              Type.Boolean({
                default: true,
                description: 'of a workflow that is new: whether its schedule starts runs',
              }),
            ),
            dryRun: Type.Optional(
              Type.Boolean({
                default: false,
                description: 'only check it, and say what it would do',
              }),
            ),
          }),
          body: Type.String({ minLength: 1, description: 'Serverless Workflow DSL 1.0.3' }),
          response: { 200: Applied },
        },
      },
      async (request) => {
        const { actorId, scopes } = request.actor
        const { enabled = true, dryRun = false } = request.query
        const wanted = { source: request.body, owner: { actorId, scopes }, enabled, dryRun }
        const applied = await applyWorkflow(deps, wanted, appendContext(request))
        const { namespace, name, version } = applied.document.document
        return {
          workflow: `${namespace}.${name}`,
          ...{ version, hash: applied.hash, outcome: applied.outcome },
          position: applied.position.toString(),
        }
      },
    )
    done()
  }
}

/** The text itself is read, so that faults can be shown where they are. */
function takeText(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  app.addContentTypeParser(
    MEDIA_TYPES,
    { parseAs: 'buffer' },
    async (_request: FastifyRequest, body: Buffer) => {
      try {
        return utf8.decode(body)
      } catch {
        throw problem(400, 'malformed-text', 'The body is not text in UTF-8.')
      }
    },
  )
}

const CHANGES = [
  { path: '/enable', type: 'EnableWorkflow', summary: 'Let the schedule of a workflow start runs' },
  {
    path: '/disable',
    type: 'DisableWorkflow',
    summary: 'Let the schedule of a workflow start no runs',
  },
] as const

function changing(deps: WorkflowRoutesDeps): FastifyPluginCallbackTypebox {
  const Params = Type.Object({ workflow: workflowName })
  const response = { 200: Type.Object({ position }) }

  async function give(
    request: FastifyRequest,
    id: string,
    type: Exclude<WorkflowCommand['type'], 'ApplyWorkflow'>,
  ) {
    const [namespace = '', name = ''] = id.split('.')
    const command = { type, namespace, name, now: deps.now().toISOString() }
    const stream = workflowStream(request.actor.tenantId, command)
    const done = await execute(deps.events, workflow, stream, command, appendContext(request))
    return { position: done.position.toString() }
  }

  return (app, _options, done) => {
    for (const { path, type, summary } of CHANGES)
      app.post(
        `/v1/workflows/:workflow${path}`,
        { config, schema: { tags, summary, params: Params, response } },
        async (request) => give(request, request.params.workflow, type),
      )
    app.delete(
      '/v1/workflows/:workflow',
      {
        config,
        schema: {
          tags,
          summary: 'Remove a workflow',
          description: 'No new run begins. Runs that have begun go on with the version they have.',
          params: Params,
          response,
        },
      },
      async (request) => give(request, request.params.workflow, 'RemoveWorkflow'),
    )
    done()
  }
}
