import type {
  FastifyPluginAsyncTypebox,
  FastifyPluginCallbackTypebox,
} from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { v4 as randomUuid, v5 as uuidOf } from 'uuid'
import type { Json } from '../../domain/kernel/json.ts'
import type { RunCommand } from '../../domain/workflows/run/commands.ts'
import { run, runStream } from '../../domain/workflows/run/run.ts'
import { isRun } from '../../domain/workflows/run/state.ts'
import { appendContext } from '../kernel/actor.ts'
import { type CommandContext, execute, load } from '../kernel/execute.ts'
import { IdempotencyHeaders } from '../kernel/idempotency.ts'
import { problem } from '../kernel/problem.ts'
import { position, RunView, runId, runView } from './run-view.ts'
import { type StartRunDeps, startRun } from './start-run.ts'

const tags = ['workflow runs']
const access = 'workflows:write'
const PART = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?'
const Params = Type.Object({ runId })
const Done = Type.Object({ runId, position })

/** Namespace of ids that follow from an idempotency key (RFC 9562, version 5). */
const KEY_NAMESPACE = 'd3b3a7de-43e4-4f6f-b1a3-2c5f0f4c9a15'

type KeyedRequest = FastifyRequest<{ Headers: Static<typeof IdempotencyHeaders> }>

/** A request with an idempotency key is the same command however often it comes. */
function keyed(request: KeyedRequest, action: string): CommandContext {
  const key = request.headers['idempotency-key']
  if (key === undefined) return appendContext(request)
  const { tenantId } = request.actor
  return {
    ...appendContext(request),
    commandId: uuidOf(`${tenantId}/${action}/${key}`, KEY_NAMESPACE),
  }
}

/** Starting runs of workflows, and what an operator does to them. */
export function runRoutes(deps: StartRunDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    await app.register(starting(deps))
    await app.register(operating(deps))
    await app.register(telling(deps))
  }
}

function starting(deps: StartRunDeps): FastifyPluginCallbackTypebox {
  return (app, _, done) => {
    app.post(
      '/v1/workflows/:workflow/runs',
      {
        schema: {
          tags,
          summary: 'Start a run of a workflow',
          description: 'It acts in the name of the key that starts it, as long as that key stands.',
          params: Type.Object({
            workflow: Type.String({
              pattern: `^${PART}\\.${PART}$`,
              description: '`<namespace>.<name>`',
            }),
          }),
          headers: IdempotencyHeaders,
          body: Type.Object(
            {
              input: Type.Optional(Type.Unknown({ description: 'any JSON; {} when left out' })),
              version: Type.Optional(Type.String({ maxLength: 200 })),
            },
            { additionalProperties: false },
          ),
          response: { 202: Done },
        },
        config: { access },
      },
      async (request, reply) => {
        const [namespace = '', name = ''] = request.params.workflow.split('.')
        const { input = {}, version } = request.body
        const { actorId, scopes } = request.actor
        const wanted = { namespace, name, version, input: input as Json }
        const { runId: id, done: executed } = await startRun(
          deps,
          { ...wanted, owner: { actorId, scopes }, trigger: 'request' },
          keyed(request, 'start-run'),
        )
        reply.code(202).header('location', `/v1/workflow-runs/${id}`)
        return { runId: id, position: executed.position.toString() }
      },
    )

    app.get(
      '/v1/workflow-runs/:runId',
      {
        schema: {
          tags,
          summary: 'A run as it is now',
          params: Params,
          response: { 200: RunView },
        },
        config: { access: 'workflows:read' },
      },
      async ({ actor, params }) => {
        const { state } = await load(deps.events, run, runStream(actor.tenantId, params.runId))
        if (!isRun(state)) throw problem(404, 'run-not-found', 'There is no such run.')
        return runView(state)
      },
    )
    done()
  }
}

function commanding(deps: StartRunDeps) {
  return async (request: KeyedRequest, id: string, command: RunCommand) => {
    const stream = runStream(request.actor.tenantId, id)
    const executed = await execute(deps.events, run, stream, command, keyed(request, command.type))
    return { runId: id, position: executed.position.toString() }
  }
}

const OPERATIONS = [
  {
    path: 'cancel',
    type: 'CancelRun',
    summary: 'Cancel a run',
    description:
      'Nothing new begins. What is under way is waited for, and what was done is compensated.',
  },
  {
    path: 'suspend',
    type: 'SuspendRun',
    summary: 'Suspend a run',
    description: 'Nothing new begins; what comes back meanwhile is recorded.',
  },
  { path: 'resume', type: 'ResumeRun', summary: 'Resume a suspended run', description: '' },
] as const

function operating(deps: StartRunDeps): FastifyPluginCallbackTypebox {
  const give = commanding(deps)
  return (app, _, done) => {
    for (const { path, type, ...words } of OPERATIONS)
      app.post(
        `/v1/workflow-runs/:runId/${path}`,
        {
          schema: {
            ...{ tags, ...words, params: Params, headers: IdempotencyHeaders },
            response: { 202: Done },
          },
          config: { access },
        },
        async (request, reply) => {
          const { runId: id } = request.params
          reply.code(202)
          return give(request, id, { type, runId: id, now: deps.now().toISOString() })
        },
      )

    app.post(
      '/v1/workflow-runs/:runId/retry',
      {
        schema: {
          tags,
          summary: 'Retry a run that faulted or was cancelled',
          description:
            'From a step, by default the last one. What the run did is not done again before it.',
          params: Params,
          headers: IdempotencyHeaders,
          body: Type.Object(
            { step: Type.Optional(Type.Integer({ minimum: 1 })) },
            { additionalProperties: false },
          ),
          response: { 202: Done },
        },
        config: { access },
      },
      async (request, reply) => {
        const { runId: id } = request.params
        reply.code(202)
        const now = deps.now().toISOString()
        return give(request, id, { type: 'RetryRun', runId: id, now, ...request.body })
      },
    )
    done()
  }
}

function telling(deps: StartRunDeps): FastifyPluginCallbackTypebox {
  const give = commanding(deps)
  return (app, _, done) => {
    app.post(
      '/v1/workflow-runs/:runId/events',
      {
        schema: {
          tags,
          summary: 'Send an event to a run that listens',
          params: Params,
          headers: IdempotencyHeaders,
          body: Type.Object(
            {
              id: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
              type: Type.String({ minLength: 1, maxLength: 1_000 }),
              source: Type.Optional(Type.String({ maxLength: 1_000 })),
              subject: Type.Optional(Type.String({ maxLength: 1_000 })),
              data: Type.Optional(Type.Unknown()),
            },
            { additionalProperties: false, description: 'attributes of a CloudEvent' },
          ),
          response: { 202: Done },
        },
        config: { access },
      },
      async (request, reply) => {
        const { tenantId } = request.actor
        const { runId: id } = request.params
        const { state } = await load(deps.events, run, runStream(tenantId, id))
        if (!isRun(state)) throw problem(404, 'run-not-found', 'There is no such run.')
        const program = await deps.programs.ofRun(tenantId, state, state.version)
        const surroundings = { program, now: deps.now().toISOString(), random: 0 }
        const { id: eventId = request.headers['idempotency-key'] ?? randomUuid(), ...rest } =
          request.body
        const event = { ...(rest as { readonly type: string }), id: eventId }
        reply.code(202)
        return give(request, id, { type: 'ReceiveEvent', event, surroundings })
      },
    )

    app.post(
      '/v1/workflow-runs/:runId/approvals',
      {
        schema: {
          tags,
          summary: 'Approve or refuse a step',
          description: 'Who may is what the task says: keys with a scope, or named actors.',
          params: Params,
          headers: IdempotencyHeaders,
          body: Type.Object(
            {
              step: Type.Integer({ minimum: 1 }),
              decision: Type.Enum(['approve', 'refuse']),
              comment: Type.Optional(Type.String({ maxLength: 1_000 })),
            },
            { additionalProperties: false },
          ),
          response: { 202: Done },
        },
        config: { access: 'workflows:read' },
      },
      async (request, reply) => {
        const { runId: id } = request.params
        const { actorId, scopes } = request.actor
        reply.code(202)
        const now = deps.now().toISOString()
        const given = { type: 'AnswerApproval', ...request.body } as const
        return give(request, id, { ...given, actorId, scopes, runId: id, now })
      },
    )
    done()
  }
}
