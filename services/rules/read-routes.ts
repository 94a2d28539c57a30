import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Kysely } from 'kysely'
import { Type } from 'typebox'
import { UUID } from '../../domain/kernel/ids.ts'
import {
  actionsOf,
  evaluationsOf,
  evaluationsOfEvent,
  type RuleEvaluationsTables,
} from '../../projections/rules/rule-evaluations.ts'
import {
  findRule,
  listRules,
  type RulesTables,
  ruleVersions,
} from '../../projections/rules/rules.ts'
import { decodeCursor, MAX_PAGE_SIZE, PageQuery, pageOf } from '../kernel/page.ts'
import { problem } from '../kernel/problem.ts'
import {
  ACTION_STATUSES,
  ActionView,
  EvaluationView,
  pageSchema,
  RuleDetail,
  RuleView,
  ruleId,
  VERDICTS,
} from './schemas.ts'
import { actionView, evaluationView, ruleDetail, ruleView } from './view.ts'

export type RuleReadsDeps = { readonly db: Kysely<RulesTables & RuleEvaluationsTables> }

const tags = ['rules']
const config = { access: 'rules:read' } as const
const Params = Type.Object({ ruleId })
const MAX_VERSIONS = 100

/** What rules there are, what they said and what they did. */
export function ruleReads({ db }: RuleReadsDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/rules',
      {
        config,
        schema: {
          tags,
          summary: 'List rules, by name',
          querystring: Type.Object(PageQuery),
          response: { 200: pageSchema(RuleView) },
        },
      },
      async ({ actor, query: { limit = 30, cursor } }) => {
        const [name = '', id = ''] = cursor === undefined ? [] : decodeCursor(cursor, 2)
        const after = cursor === undefined ? undefined : ([name, uuidIn(id)] as const)
        const rows = await listRules(db, actor.tenantId, { after, limit: limit + 1 })
        return pageOf(rows, limit, ruleView, (row) => [row.name, row.rule_id])
      },
    )

    app.get(
      '/v1/rules/:ruleId',
      {
        config,
        schema: {
          tags,
          summary: 'A rule and its versions',
          params: Params,
          response: { 200: RuleDetail },
        },
      },
      async ({ actor: { tenantId }, params }) => {
        const row = await theRule(db, tenantId, params.ruleId)
        return ruleDetail(row, await ruleVersions(db, tenantId, params.ruleId, MAX_VERSIONS))
      },
    )

    app.get(
      '/v1/rules/:ruleId/evaluations',
      {
        config,
        schema: {
          tags,
          summary: 'What a rule said about events, newest first',
          params: Params,
          querystring: Type.Object({
            ...PageQuery,
            verdict: Type.Optional(Type.Enum(VERDICTS)),
            event: Type.Optional(Type.String({ format: 'uuid', description: 'only this event' })),
          }),
          response: { 200: pageSchema(EvaluationView) },
        },
      },
      async ({ actor, params, query: { limit = 30, cursor, verdict, event } }) => {
        const [before] = cursor === undefined ? [] : decodeCursor(cursor, 1).map(placeIn)
        const filter = { ...params, verdict, eventId: event, before, limit: limit + 1 }
        const rows = await evaluationsOf(db, actor.tenantId, filter)
        if (rows.length === 0) await theRule(db, actor.tenantId, params.ruleId)
        return pageOf(rows, limit, evaluationView, (row) => [String(row.position)])
      },
    )

    app.get(
      '/v1/rules/:ruleId/actions',
      {
        config,
        schema: {
          tags,
          summary: 'What a rule owed, and what became of it, newest first',
          params: Params,
          querystring: Type.Object({
            ...PageQuery,
            status: Type.Optional(Type.Enum(ACTION_STATUSES)),
          }),
          response: { 200: pageSchema(ActionView) },
        },
      },
      async ({ actor, params, query: { limit = 30, cursor, status } }) => {
        const [at = 0n, index] = cursor === undefined ? [] : decodeCursor(cursor, 2).map(placeIn)
        const before = cursor === undefined ? undefined : ([at, Number(index)] as const)
        const rows = await actionsOf(db, actor.tenantId, {
          ...{ ...params, status, before, limit: limit + 1 },
        })
        if (rows.length === 0) await theRule(db, actor.tenantId, params.ruleId)
        return pageOf(rows, limit, actionView, (row) => [String(row.position), String(row.index)])
      },
    )

    app.get(
      '/v1/rules/evaluations-of/:eventId',
      {
        config,
        schema: {
          tags,
          summary: 'What every rule said about one event',
          params: Type.Object({ eventId: Type.String({ format: 'uuid' }) }),
          response: { 200: Type.Object({ items: Type.Array(EvaluationView) }) },
        },
      },
      async ({ actor, params }) => {
        const rows = await evaluationsOfEvent(db, actor.tenantId, params.eventId, MAX_PAGE_SIZE)
        return { items: rows.map(evaluationView) }
      },
    )
  }
}

/** What a rule said and did can be read after it was removed, when it said or did something. */
async function theRule(db: RuleReadsDeps['db'], tenantId: string, id: string) {
  const row = await findRule(db, tenantId, id)
  if (row === undefined) throw problem(404, 'rule-not-found', `There is no rule "${id}".`)
  return row
}

function uuidIn(part: string): string {
  if (UUID.test(part)) return part
  throw badCursor()
}

function placeIn(part: string): bigint {
  if (/^\d{1,18}$/.test(part)) return BigInt(part)
  throw badCursor()
}

function badCursor() {
  return problem(400, 'bad-cursor', 'This cursor is not one that a page of this list gave.')
}
