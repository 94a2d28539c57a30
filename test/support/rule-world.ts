import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import type { Scope } from '../../domain/identity/scopes.ts'
import { SCOPES } from '../../domain/identity/scopes.ts'
import { streamName } from '../../domain/kernel/ids.ts'
import { createReadDatabase } from '../../infra/postgres/pool.ts'
import { createRuleState } from '../../infra/rules/rule-state.ts'
import { createWorkerPool } from '../../infra/workers/pool.ts'
import { type CausesTables, causes } from '../../projections/audit/causes.ts'
import {
  type RuleEvaluationsTables,
  ruleEvaluations,
} from '../../projections/rules/rule-evaluations.ts'
import { type RulesTables, rules } from '../../projections/rules/rules.ts'
import { type WebhooksTables, webhooks } from '../../projections/webhooks/webhooks.ts'
import { customCommands } from '../../services/custom/platform-commands.ts'
import { customRoutes } from '../../services/custom/routes.ts'
import { gatewayCommands } from '../../services/gateway/platform-commands.ts'
import type { Actor } from '../../services/kernel/actor.ts'
import { gatherCommands, type PlatformCommand } from '../../services/kernel/platform-command.ts'
import type { EventStore, RecordedEvent } from '../../services/ports/event-store.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import type { WebhookCaller } from '../../services/ports/webhook-caller.ts'
import { registryCommands } from '../../services/registry/platform-commands.ts'
import { evaluationsStream } from '../../services/rules/evaluations.ts'
import { previewRoutes } from '../../services/rules/preview-routes.ts'
import { type RuleReactorDeps, runRuleReactor } from '../../services/rules/reactor.ts'
import { ruleRoutes } from '../../services/rules/routes.ts'
import { testApp } from './app.ts'
import { freshPostgresStore } from './postgres-store.ts'
import { projected } from './projected.ts'
import { waitFor } from './wait-for.ts'

type Test = { readonly teardown: (stop: () => Promise<void>) => void }

export type RuleWorldOptions = {
  readonly webhooks?: WebhookCaller
  readonly commands?: readonly PlatformCommand[]
}

const NOBODY: WebhookCaller = {
  call: async () => ({ delivered: false, code: 'none', cause: 'None.', again: false }),
}

/** What asks rules and does what they owe, without a lease: a test decides who works. */
export function ruleDeps(store: EventStore, pool: pg.Pool, options: RuleWorldOptions = {}) {
  const clock = { aheadMs: 0 }
  const now = () => new Date(Date.now() + clock.aheadMs)
  const commands = gatherCommands(
    registryCommands({ events: store, now }),
    customCommands({ store, now }),
    gatewayCommands({ store, now }),
    options.commands ?? [],
  )
  /** What keys may now; by default everything. */
  const allowed = new Map<string, readonly Scope[]>()
  const scopesOf = async (_tenantId: string, actorId: string) => allowed.get(actorId) ?? SCOPES
  const deps: RuleReactorDeps = {
    ...{ events: store, store, now, commands, logger: silent, metrics: noMetrics },
    state: createRuleState(pool),
    standing: {
      scopesOf,
      may: async (tenantId, { actorId, scopes }, access) =>
        scopes.includes(access) && (await scopesOf(tenantId, actorId)).includes(access),
    },
    webhooks: options.webhooks ?? NOBODY,
    random: () => 0,
    hold: (signal, work) => work(signal),
  }
  return { deps, allowed, clock }
}

/** Rules on a log of their own: HTTP, read models, and what evaluates and acts, started by the test. */
export async function ruleWorld(t: Test, options: RuleWorldOptions = {}) {
  const { store, pool, appUrl } = await freshPostgresStore(t)
  const freshness = projected(t, store, pool, [rules, ruleEvaluations, webhooks, causes])
  const db = createReadDatabase<
    RulesTables & RuleEvaluationsTables & WebhooksTables & CausesTables
  >(pool)
  const { deps, allowed, clock } = ruleDeps(store, pool, options)
  const { commands, now } = deps
  const workers = createWorkerPool({ maxThreads: 1 })
  const { app, inject, keyOf } = await testApp(
    t,
    async (app) => {
      await app.register(ruleRoutes({ store, db, commands, now }))
      await app.register(customRoutes({ store, now }))
      await app.register(
        previewRoutes({
          log: store,
          db,
          workers,
          logger: silent,
          stopping: new AbortController().signal,
        }),
      )
    },
    { freshness },
  )
  let stop = new AbortController()
  let running: Promise<void> = Promise.resolve()
  const world = {
    ...{ store, pool, appUrl, db, deps, allowed, app, inject, keyOf },
    pass: (ms: number) => {
      clock.aheadMs += ms
    },
    start(changes: Partial<RuleReactorDeps> = {}) {
      stop = new AbortController()
      running = runRuleReactor({ ...deps, ...changes }, stop.signal)
    },
    async stop() {
      stop.abort()
      await running
    },
    async send(
      method: 'GET' | 'POST' | 'PUT' | 'DELETE',
      url: string,
      payload?: object,
      actor?: Partial<Actor>,
    ) {
      const request = { method, url, ...(payload === undefined ? {} : { payload }) }
      const response = await inject(request, actor)
      return { status: response.statusCode, body: response.json() }
    },
    /** Defines a rule and switches it on. @returns its id. */
    async rule(settings: object, actor?: Partial<Actor>): Promise<string> {
      const body = { name: `rule ${randomUUID()}`, on: ['ToolCalled'], condition: 'true' }
      const defined = await world.send('POST', '/v1/rules', { ...body, ...settings }, actor)
      if (defined.status !== 201) throw new Error(JSON.stringify(defined.body))
      await world.send('POST', `/v1/rules/${defined.body.ruleId}/enable`, undefined, actor)
      return defined.body.ruleId
    },
    /** Everything that rules said about a tenant's events, as recorded. */
    evaluations: (tenantId = 'acme') => read(store, evaluationsStream(tenantId)),
    /** @returns the outcomes of actions of all tenants once there are so many. */
    acted: (count: number) =>
      waitFor(`${count} outcomes`, async () => {
        const types = ['RuleActionSucceeded', 'RuleActionFailed']
        const found: RecordedEvent[] = []
        for await (const event of store.readAll({ types })) found.push(event)
        return found.length >= count && found
      }),
  }
  t.teardown(async () => {
    await world.stop()
    await workers[Symbol.asyncDispose]()
  })
  return world
}

export async function read(store: EventStore, stream: string): Promise<RecordedEvent[]> {
  const found: RecordedEvent[] = []
  for await (const event of store.readStream(stream)) found.push(event)
  return found
}

export type Call = {
  readonly installationId: string
  readonly outcome?: string
  readonly tenantId?: string
  readonly tool?: string
}

/** Records calls of tools, in one append. @returns the ids of the events. */
export async function recordCalls(store: EventStore, ...calls: readonly Call[]): Promise<string[]> {
  const tenantId = calls[0]?.tenantId ?? 'acme'
  const events = calls.map(({ installationId, outcome = 'ok', tool = 'echo' }) => ({
    id: randomUUID(),
    type: 'ToolCalled',
    data: {
      ...{ installationId, serverName: 'io.example/files', version: '1.0.0', tool, outcome },
      ...{ durationMs: 5, requestBytes: 10, responseBytes: 10 },
      calledAt: new Date().toISOString(),
    },
  }))
  await store.append(streamName('calls', tenantId, randomUUID()), events, 'any', {
    ...{ tenantId, actorId: 'key:caller', correlationId: 'calls', causationId: 'calls' },
  })
  return events.map(({ id }) => id)
}
