import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Kysely } from 'kysely'
import { Type } from 'typebox'
import { validate as isUuid } from 'uuid'
import { subjectId } from '../../domain/kernel/personal.ts'
import {
  type ErasureRow,
  type ErasuresTables,
  listErasures,
} from '../../projections/privacy/erasures.ts'
import { appendContext } from '../kernel/actor.ts'
import { decodeCursor, PageQuery, pageOf } from '../kernel/page.ts'
import { problem } from '../kernel/problem.ts'
import type { ReadFreshness } from '../ports/read-freshness.ts'
import { type ErasureDeps, eraseSubject } from './erasure.ts'

/** Long enough for every healthy read side to forget what it had in plain text. */
const EFFECT_TIMEOUT_MS = 2_000

export type ErasureRoutesDeps = ErasureDeps & {
  readonly db: Kysely<ErasuresTables>
  readonly freshness: ReadFreshness
}

const instant = Type.String({ format: 'date-time' })
const Erased = Type.Object({
  subjectId,
  erasedAt: instant,
  position: Type.String({ description: 'of the erasure in the log, decimal' }),
  inEffect: Type.Boolean({
    description: 'false, with status 202: a read model has still to forget what it showed',
  }),
})
const Listed = Type.Object({
  subjectId,
  requestedAt: instant,
  requestedBy: Type.String(),
  erasedAt: Type.Optional(instant),
})

/** Erasing what the log holds of a person. */
export function erasureRoutes(deps: ErasureRoutesDeps): FastifyPluginAsyncTypebox {
  const tags = ['privacy']
  return async (app) => {
    app.post(
      '/v1/privacy/erasures',
      {
        schema: {
          tags,
          summary: 'Erase the data of a person, for ever',
          description:
            'Destroys the key that the data is encrypted with: every copy of it, in the log, on the bus, ' +
            'in backups of either, then reads as `[erased]`. Repeating it changes nothing. API keys of the ' +
            'person go on working: revoke them.',
          body: Type.Object({ subjectId }, { additionalProperties: false }),
          response: { 200: Erased, 202: Erased },
        },
        config: { access: 'operations:write' },
      },
      async (request, reply) => {
        const { subjectId: id } = request.body
        const { state, position } = await eraseSubject(deps, id, appendContext(request))
        if (state.status !== 'erased')
          throw problem(503, 'unavailable', 'The erasure is recorded and goes on; ask again.')
        const inEffect = await deps.freshness.waitFor(position, EFFECT_TIMEOUT_MS)
        reply.code(inEffect ? 200 : 202)
        return { subjectId: id, erasedAt: state.erasedAt, position: position.toString(), inEffect }
      },
    )

    app.get(
      '/v1/privacy/erasures',
      {
        schema: {
          tags,
          summary: 'Whose data was erased, by id',
          querystring: Type.Object(PageQuery),
          response: {
            200: Type.Object({
              items: Type.Array(Listed),
              nextCursor: Type.Optional(Type.String()),
            }),
          },
        },
        config: { access: 'operations:read' },
      },
      async ({ actor, query: { limit = 30, cursor } }) => {
        const after = cursor === undefined ? undefined : subjectIn(cursor)
        const rows = await listErasures(deps.db, actor.tenantId, { limit: limit + 1, after })
        return pageOf(rows, limit, listed, ({ subject_id }) => [subject_id])
      },
    )
  }
}

/** @throws {ProblemError} 400 `bad-cursor`. */
function subjectIn(cursor: string): string {
  const [id = ''] = decodeCursor(cursor, 1)
  if (isUuid(id)) return id
  throw problem(400, 'bad-cursor', 'This cursor is not one that a page of this list gave.')
}

function listed(row: ErasureRow) {
  return {
    subjectId: row.subject_id,
    requestedAt: row.requested_at.toISOString(),
    requestedBy: row.requested_by,
    ...(row.erased_at === null ? {} : { erasedAt: row.erased_at.toISOString() }),
  }
}
