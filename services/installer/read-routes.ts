import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { Kysely } from 'kysely'
import { Type } from 'typebox'
import { installationStream } from '../../domain/installer/installation.ts'
import { UUID } from '../../domain/kernel/ids.ts'
import { type QuarantinesTables, quarantinesOf } from '../../projections/gateway/quarantines.ts'
import {
  findInstallation,
  keptVersions,
  listInstallations,
  stagesOf,
} from '../../projections/installer/installation-queries.ts'
import type { InstallationsTables } from '../../projections/installer/installations.ts'
import {
  decodeCursor,
  MAX_PAGE_BYTES,
  PageQuery,
  pageFrom,
  pageOf,
  takePart,
} from '../kernel/page.ts'
import { problem } from '../kernel/problem.ts'
import type { EventStore, RecordedEvent } from '../ports/event-store.ts'
import { unknownInstallation } from './commands.ts'
import { Detail, History, Params, SummaryPage } from './schemas.ts'
import { detailOf, summaryOf } from './view.ts'

export type InstallationReadsDeps = {
  readonly events: EventStore
  readonly db: Kysely<InstallationsTables & QuarantinesTables>
  /** A page of the history ends with the event that reaches this. */
  readonly pageBytes?: number
}

const tags = ['installations']
const access = 'installations:read'
const DEFAULT_LIMIT = 30
export function installationReads({
  events,
  db,
  pageBytes = MAX_PAGE_BYTES,
}: InstallationReadsDeps): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    app.get(
      '/v1/installations',
      {
        schema: {
          tags,
          summary: 'List installations',
          querystring: Type.Object(PageQuery, { additionalProperties: false }),
          response: { 200: SummaryPage },
        },
        config: { access },
      },
      async ({ actor, query: { limit = DEFAULT_LIMIT, cursor } }) => {
        const after = cursor === undefined ? undefined : idFrom(cursor)
        const rows = await listInstallations(db, actor.tenantId, { limit: limit + 1, after })
        const ids = rows.map(({ installation_id }) => installation_id)
        const held = await quarantinesOf(db, actor.tenantId, ids)
        return pageOf(
          rows,
          limit,
          (row) => summaryOf(row, held.get(row.installation_id)),
          ({ installation_id }) => [installation_id],
        )
      },
    )

    app.get(
      '/v1/installations/:installationId',
      {
        schema: {
          tags,
          summary: 'One installation',
          description:
            'Its state, the stages of its newest attempt, the versions kept, and whether it is in quarantine.',
          params: Params,
          response: { 200: Detail },
        },
        config: { access },
      },
      async ({ actor, params }) => {
        const { installationId } = params
        const row = await findInstallation(db, actor.tenantId, installationId)
        if (row === undefined) throw unknownInstallation()
        const versions = await keptVersions(db, actor.tenantId, installationId)
        const held = await quarantinesOf(db, actor.tenantId, [installationId])
        return detailOf(row, held.get(installationId), await stagesOf(db, row), versions)
      },
    )

    app.get(
      '/v1/installations/:installationId/history',
      {
        schema: {
          tags,
          summary: 'All that happened to an installation',
          description:
            'Read from the log itself, oldest first. A page of large events ends before `limit`.',
          params: Params,
          querystring: Type.Object(PageQuery, { additionalProperties: false }),
          response: { 200: History },
        },
        config: { access },
      },
      async ({ actor, params, query: { limit = DEFAULT_LIMIT, cursor } }) => {
        const stream = installationStream(actor.tenantId, params.installationId)
        const from = cursor === undefined ? 0n : revisionFrom(cursor) + 1n
        const read = events.readStream(stream, { from, limit: limit + 1 })
        const bounds = { limit, bytes: pageBytes }
        const part = await takePart(read, bounds, ({ raw }) => Buffer.byteLength(raw.data))
        if (part.rows.length === 0 && cursor === undefined) throw unknownInstallation()
        return pageFrom(part, historyItem, ({ revision }) => [revision.toString()])
      },
    )
    done()
  }
}

function historyItem({ eventId, type, time, actorId, position, data }: RecordedEvent) {
  return { eventId, type, time, actorId, position: position.toString(), data: { ...data } }
}

function idFrom(cursor: string): string {
  const [id = ''] = decodeCursor(cursor, 1)
  return UUID.test(id) ? id : badCursor()
}

function revisionFrom(cursor: string): bigint {
  const [revision = ''] = decodeCursor(cursor, 1)
  return /^\d{1,18}$/.test(revision) ? BigInt(revision) : badCursor()
}

function badCursor(): never {
  throw problem(400, 'bad-cursor', 'This cursor is not one that a page of this list gave.')
}
