import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { v4 as randomUuid } from 'uuid'
import { type KeyRotationState, keyRotation } from '../../domain/privacy/key-rotation.ts'
import { appendContext, requireOperator } from '../kernel/actor.ts'
import { execute } from '../kernel/execute.ts'
import { problem } from '../kernel/problem.ts'
import type { KeysToRotate } from '../ports/key-rotation.ts'
import { ROTATION_STREAM, type RotationDeps, rotationState } from './rotation.ts'

const instant = Type.String({ format: 'date-time' })
const count = Type.Integer({ minimum: 0 })
const Rotation = Type.Object({
  rotationId: Type.String({ format: 'uuid' }),
  status: Type.Union([Type.Literal('running'), Type.Literal('completed')]),
  startedAt: instant,
  completedAt: Type.Optional(instant),
  remaining: Type.Object(
    { tenantKeys: count, subjectKeys: count, secrets: count },
    { description: 'what is still encrypted with an older key' },
  ),
})

/** Changing the keys that secrets and personal data are encrypted with. */
export function rotationRoutes(deps: RotationDeps): FastifyPluginAsyncTypebox {
  const { store, rotation, now } = deps
  const tags = ['privacy']
  return async (app) => {
    app.post(
      '/v1/privacy/key-rotations',
      {
        schema: {
          tags,
          summary: 'Change every key',
          description:
            'A new root key, and for each tenant a new key that its secrets and the keys of persons are ' +
            'encrypted with; no event changes. It goes on in the background, also after a crash. While ' +
            'one runs, the answer is that one.',
          response: { 202: Rotation },
        },
        config: { access: 'operations:write' },
      },
      async (request, reply) => {
        requireOperator(request.actor)
        const { state } = await execute(
          store,
          keyRotation,
          ROTATION_STREAM,
          {
            type: 'StartKeyRotation',
            ...{ rotationId: randomUuid(), rootKeyId: await rotation.rootKeyId() },
            now: now().toISOString(),
          },
          appendContext(request),
        )
        reply.code(202)
        return view(state, await rotation.remaining())
      },
    )

    app.get(
      '/v1/privacy/key-rotations/latest',
      {
        schema: { tags, summary: 'How far the latest rotation is', response: { 200: Rotation } },
        config: { access: 'operations:read' },
      },
      async ({ actor }) => {
        requireOperator(actor)
        return view(await rotationState(store), await rotation.remaining())
      },
    )
  }
}

/** @throws {ProblemError} 404 `never-rotated`. */
function view(state: KeyRotationState, remaining: KeysToRotate) {
  if (state.status === 'never') throw problem(404, 'never-rotated', 'No key was changed yet.')
  const { rotationId, status, startedAt } = state
  const ended = state.status === 'completed' ? { completedAt: state.completedAt } : {}
  return { rotationId, status, startedAt, ...ended, remaining }
}
