import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { Kysely } from 'kysely'
import { Type } from 'typebox'
import { v5 as uuidOf } from 'uuid'
import {
  isKnown,
  type RuleCommand,
  type RuleState,
  rule,
  ruleStream,
  sameSettings,
} from '../../domain/rules/rule.ts'
import { type RuleSettings, ruleSettings } from '../../domain/rules/rule-settings.ts'
import type { RuleEvaluationsTables } from '../../projections/rules/rule-evaluations.ts'
import type { RulesTables } from '../../projections/rules/rules.ts'
import { appendContext } from '../kernel/actor.ts'
import { execute, load } from '../kernel/execute.ts'
import type { EventStore } from '../ports/event-store.ts'
import { type CheckDeps, requireRule } from './check.ts'
import { RULES_NAMESPACE } from './evaluations.ts'
import { ruleReads } from './read-routes.ts'
import { position, RuleBody, ruleId, settingsOf } from './schemas.ts'

export type RuleRoutesDeps = CheckDeps & {
  readonly store: EventStore
  readonly db: Kysely<RulesTables & RuleEvaluationsTables>
  readonly now: () => Date
}

const tags = ['rules']
const config = { access: 'rules:write' } as const
const Params = Type.Object({ ruleId })
const Applied = Type.Object({
  ruleId,
  outcome: Type.Enum(['new', 'changed', 'unchanged']),
  before: Type.Optional(ruleSettings),
  after: ruleSettings,
  version: Type.Optional(Type.Integer({ minimum: 1 })),
  position: Type.Optional(position),
})
const Done = Type.Object({ ruleId, version: Type.Integer({ minimum: 1 }), position })

/** A name is a rule: of two that define it at once, one wins. */
export function ruleIdOf(tenantId: string, name: string): string {
  return uuidOf(`${tenantId}/rule/${name}`, RULES_NAMESPACE)
}

function outcomeOf(state: RuleState, settings: RuleSettings): 'new' | 'changed' | 'unchanged' {
  if (!isKnown(state)) return 'new'
  return sameSettings(state.settings, settings) ? 'unchanged' : 'changed'
}

/** Rules: what is to be done when something happens. */
export function ruleRoutes(deps: RuleRoutesDeps): FastifyPluginAsyncTypebox {
  async function run(request: FastifyRequest, command: RuleCommand) {
    const stream = ruleStream(request.actor.tenantId, command.ruleId)
    const done = await execute(deps.store, rule, stream, command, appendContext(request))
    const version = isKnown(done.state) ? done.state.version : 0
    return { ruleId: command.ruleId, version, position: done.position.toString() }
  }

  async function settled(request: FastifyRequest, settings: RuleSettings) {
    await requireRule(deps, settings, request.actor)
    const { actorId, scopes } = request.actor
    return { settings, author: { actorId, scopes: [...scopes] }, now: deps.now().toISOString() }
  }

  return async (app) => {
    await app.register(ruleReads(deps))

    app.post(
      '/v1/rules',
      {
        config,
        schema: {
          tags,
          summary: 'Define a rule',
          description:
            'It is off until it is enabled, and acts in the name of the key that defines it. Its name is its own for ever; again with the same content changes nothing. A condition that does not compile is 422 `rule-condition-invalid`, with the place; parameters that do not fit an action are 422 `rule-parameters-invalid`.',
          body: RuleBody,
          response: { 201: Done },
        },
      },
      async (request, reply) => {
        const id = ruleIdOf(request.actor.tenantId, request.body.name)
        const about = await settled(request, settingsOf(request.body))
        const done = await run(request, { type: 'DefineRule', ruleId: id, ...about })
        reply.code(201).header('location', `/v1/rules/${id}`)
        return done
      },
    )

    app.post(
      '/v1/rules/apply',
      {
        config,
        schema: {
          tags,
          summary: 'Make a rule what a document says',
          description:
            'Defines it, revises it or, when nothing is different, does nothing. With `dryRun` it only says which.',
          querystring: Type.Object({ dryRun: Type.Optional(Type.Boolean()) }),
          body: RuleBody,
          response: { 200: Applied },
        },
      },
      async (request) => {
        const settings = settingsOf(request.body)
        const { tenantId } = request.actor
        const id = ruleIdOf(tenantId, settings.name)
        const about = await settled(request, settings)
        const { state } = await load(deps.store, rule, ruleStream(tenantId, id))
        const before = isKnown(state) ? { before: state.settings } : {}
        const outcome = outcomeOf(state, settings)
        const shown = { ruleId: id, outcome, ...before, after: settings }
        if (request.query.dryRun === true || outcome === 'unchanged') return shown
        const command = { ruleId: id, ...about }
        const { version, position } = await run(
          request,
          outcome === 'new'
            ? { type: 'DefineRule', ...command }
            : { type: 'ReviseRule', expectedVersion: undefined, ...command },
        )
        return { ...shown, version, position }
      },
    )

    app.put(
      '/v1/rules/:ruleId',
      {
        config,
        schema: {
          tags,
          summary: 'Revise a rule',
          description:
            'A new version, which acts in the name of the key that revises it, unless nothing is different. With `If-Match`, 409 `rule-changed` when the rule is at another version.',
          params: Params,
          headers: Type.Object({
            'if-match': Type.Optional(
              Type.String({ pattern: '^"?[1-9][0-9]{0,8}"?$', description: 'version' }),
            ),
          }),
          body: RuleBody,
          response: { 200: Done },
        },
      },
      async (request) => {
        const match = request.headers['if-match']
        const expectedVersion = match === undefined ? undefined : Number(match.replaceAll('"', ''))
        const about = await settled(request, settingsOf(request.body))
        return run(request, { type: 'ReviseRule', ...request.params, expectedVersion, ...about })
      },
    )

    for (const { path, type, summary } of [
      {
        path: 'enable',
        type: 'EnableRule',
        summary: 'Switch a rule on, also one that is suspended',
      },
      { path: 'disable', type: 'DisableRule', summary: 'Switch a rule off' },
    ] as const)
      app.post(
        `/v1/rules/:ruleId/${path}`,
        {
          config,
          schema: {
            ...{ tags, summary, params: Params },
            description: 'It holds for what happens from then on.',
            response: { 200: Done },
          },
        },
        (request) => run(request, { type, ...request.params, now: deps.now().toISOString() }),
      )

    app.delete(
      '/v1/rules/:ruleId',
      {
        config,
        schema: {
          tags,
          summary: 'Remove a rule',
          description: 'What it decided, and its versions, stay.',
          params: Params,
          response: { 200: Type.Object({ ruleId, position }) },
        },
      },
      async (request) => {
        const command = { type: 'RemoveRule', ...request.params } as const
        return run(request, { ...command, now: deps.now().toISOString() })
      },
    )
  }
}
