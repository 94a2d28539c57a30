import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { v4 as randomUuid } from 'uuid'
import { readModelStream, rebuild } from '../../domain/operations/rebuild.ts'
import { appendContext, OPERATING_TENANT, requireOperator } from '../kernel/actor.ts'
import { execute, load } from '../kernel/execute.ts'
import { problem } from '../kernel/problem.ts'
import type { Verifications } from '../kernel/verifications.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { Projections } from '../ports/projections.ts'
import { position, ReadModel, readModel, readModelView } from './read-model-view.ts'

export type ReadModelRoutesDeps = {
  readonly projections: Projections
  readonly store: EventStore
  readonly verifications: Verifications
  readonly now: () => Date
}

const Params = Type.Object({ readModel })
const Requested = Type.Object({
  readModel,
  rebuildId: Type.String({ format: 'uuid' }),
  position: { ...position, description: 'position of the command in the log, decimal' },
})

/** The read models: how far they are, and how they are made anew and proved. */
export function readModelRoutes(deps: ReadModelRoutesDeps): FastifyPluginAsyncTypebox {
  const { projections, store, verifications, now } = deps
  const tags = ['operations']
  const streamOf = (name: string) => readModelStream(OPERATING_TENANT, name)

  async function known(name: string) {
    const state = (await projections.states(OPERATING_TENANT)).find(
      (each) => each.readModel === name,
    )
    if (state !== undefined) return state
    throw problem(404, 'read-model-not-found', 'There is no read model of this name.')
  }

  return async (app) => {
    app.get(
      '/v1/operations/projections',
      {
        schema: {
          tags,
          summary: 'How far each read model has followed the log',
          description:
            '`rebuild` is there while rows are being made beside the live ones, because somebody asked ' +
            'for it or because the program makes a newer version; `lastRequest` says how the newest request ended.',
          response: { 200: Type.Object({ items: Type.Array(ReadModel) }) },
        },
        config: { access: 'operations:read' },
      },
      async ({ actor }) => {
        const states = await projections.states(actor.tenantId)
        const views = states.map(async (state) => {
          const asked = await load(store, rebuild, streamOf(state.readModel))
          return readModelView(state, asked.state, actor)
        })
        return { items: await Promise.all(views) }
      },
    )

    app.post(
      '/v1/operations/projections/:readModel/rebuild',
      {
        schema: {
          tags,
          summary: 'Make the rows of a read model anew from the log',
          description:
            'They are made beside the live ones, which queries see and which go on, and take their place in ' +
            'one transaction. The request is in the log: it survives restarts, and one that is asked for while ' +
            'another is owed is that other one. A read model is one for all tenants, so only keys of the default tenant may.',
          params: Params,
          response: { 202: Requested },
        },
        config: { access: 'operations:write' },
      },
      async (request, reply) => {
        requireOperator(request.actor)
        const { readModel: name, version, programVersion } = await known(request.params.readModel)
        if (version > programVersion)
          throw problem(
            409,
            'newer-read-model',
            'A newer program made these rows; only it can make them anew.',
          )
        const command = {
          type: 'RequestRebuild',
          ...{ readModel: name, rebuildId: randomUuid(), now: now().toISOString() },
        } as const
        const done = await execute(store, rebuild, streamOf(name), command, appendContext(request))
        const rebuildId = 'rebuildId' in done.state ? done.state.rebuildId : command.rebuildId
        reply.code(202)
        return { readModel: name, rebuildId, position: done.position.toString() }
      },
    )

    app.post(
      '/v1/operations/projections/:readModel/comparison',
      {
        schema: {
          tags,
          summary: 'Compare one read model with the log, row by row',
          description: `${verifications.description} This one looks at a single read model.`,
          params: Params,
          response: verifications.response,
        },
        config: { access: 'operations:read' },
      },
      async (request, reply) => {
        requireOperator(request.actor)
        const { readModel: name } = await known(request.params.readModel)
        return await verifications.answer(request, reply, name)
      },
    )
  }
}
