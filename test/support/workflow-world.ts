import type { WorkflowDocument } from '../../domain/workflows/document.ts'
import { runStream } from '../../domain/workflows/run/run.ts'
import type { KeyTables } from '../../infra/crypto/key-tables.ts'
import { createSecretStore } from '../../infra/crypto/secret-store.ts'
import { createNatsMessageBus } from '../../infra/nats/message-bus.ts'
import { runRelay } from '../../infra/nats/relay.ts'
import { createReadDatabase } from '../../infra/postgres/pool.ts'
import { createOutgoingCalls } from '../../infra/workflows/http-call.ts'
import { createRunClaims } from '../../infra/workflows/run-claims.ts'
import { createRunWaits } from '../../infra/workflows/run-waits.ts'
import { customCommands } from '../../services/custom/platform-commands.ts'
import type { RecordedEvent } from '../../services/ports/event-store.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { createAuthenticate } from '../../services/workflows/authentication/authenticate.ts'
import { createCalls } from '../../services/workflows/calls/calls.ts'
import { keepWaits } from '../../services/workflows/keeper.ts'
import { createPerform } from '../../services/workflows/perform.ts'
import { createPrograms } from '../../services/workflows/programs.ts'
import { runWorkflowReactor } from '../../services/workflows/reactor.ts'
import { runRoutes } from '../../services/workflows/run-routes.ts'
import { WorkflowSecrets } from '../../services/workflows/secrets.ts'
import { testApp } from './app.ts'
import { freshNats } from './nats.ts'
import { freshPostgresStore } from './postgres-store.ts'
import { sealing, testKeys } from './sealing.ts'
import { waitFor } from './wait-for.ts'
import { applied, effects, standing, WORKFLOW_OWNER } from './workflow-parts.ts'

type Scope = { readonly teardown: (stop: () => Promise<void> | void) => void }

/** Log, bus, HTTP API and everything that drives runs, with a clock that the test sets. */
export async function workflowWorld(t: Scope) {
  const { store: log, pool } = await freshPostgresStore(t)
  const keys = await testKeys(t, pool)
  const events = sealing(log, keys)
  const nats = await freshNats(t)
  const bus = createNatsMessageBus({ url: nats.url, logger: silent })
  t.teardown(async () => bus[Symbol.asyncDispose]())
  const clock = { aheadMs: 0 }
  const now = () => new Date(Date.now() + clock.aheadMs)
  const programs = createPrograms(events)
  const waits = createRunWaits(pool)
  const carriedOut = effects()
  const shared = { events, programs, now, logger: silent, metrics: noMetrics }
  const outgoing = createOutgoingCalls({ allowPrivate: true, timeoutMs: 2_000 })
  t.teardown(async () => outgoing[Symbol.asyncDispose]())
  const commands = carriedOut.commands(() => {}, customCommands({ store: events, now }))
  const db = createReadDatabase<KeyTables>(pool)
  const secrets = createSecretStore({ db, tenantKeys: keys.tenantKeys })
  const authenticate = createAuthenticate(new WorkflowSecrets({ events, secrets, now }), now)
  const calls = createCalls(outgoing, authenticate)
  const perform = createPerform({ ...shared, commands, standing, calls })
  const app = await testApp(t, runRoutes(shared), { actorId: WORKFLOW_OWNER.actorId })

  async function stopped(work: (signal: AbortSignal) => Promise<void>) {
    const stop = new AbortController()
    const ended = work(stop.signal)
    return async () => {
      stop.abort()
      await ended
    }
  }

  const world = {
    ...{ ...app, log, events, pool, secrets, nats, bus, programs, effects: carriedOut, now },
    pass(ms: number) {
      clock.aheadMs += ms
    },

    define: (document: WorkflowDocument, tenantId?: string) => applied(events, document, tenantId),

    async begin(name: string, body: object = {}, headers: Record<string, string> = {}) {
      const url = `/v1/workflows/test.${name}/runs`
      const answer = await app.inject({ method: 'POST', url, payload: body, headers })
      if (answer.statusCode !== 202) throw new Error(answer.body)
      return answer.json<{ runId: string }>().runId
    },

    async ask(runId: string, path: string, body: object = {}) {
      const url = `/v1/workflow-runs/${runId}/${path}`
      return await app.inject({ method: 'POST', url, payload: body })
    },

    async view(runId: string) {
      return (await app.inject({ url: `/v1/workflow-runs/${runId}` })).json()
    },

    async told(runId: string, tenantId = 'acme'): Promise<RecordedEvent[]> {
      return await all(events.readStream(runStream(tenantId, runId)))
    },

    until: (runId: string, status: string) =>
      waitFor(`the run to be ${status}`, async () => {
        const view = await world.view(runId)
        return view.status === status ? view : undefined
      }),

    /** Until a step of the run waits for this. */
    waits: (runId: string, waitsFor: string) =>
      waitFor(`a step to wait for ${waitsFor}`, async () => {
        const view = await world.view(runId)
        return view.open.some((each: { waitsFor?: string }) => each.waitsFor === waitsFor) && view
      }),

    /** One process' worth of what drives runs. */
    async drive() {
      const claims = createRunClaims(pool)
      const ends = await Promise.all([
        stopped((signal) =>
          runWorkflowReactor({ ...shared, bus, claims, perform, random: Math.random }, signal),
        ),
        stopped((signal) =>
          keepWaits(
            { ...shared, log, waits, standing, maxRestMs: 50, hold: (s, work) => work(s) },
            signal,
          ),
        ),
      ])
      const stop = async () => {
        await Promise.all(ends.map((end) => end()))
        await claims[Symbol.asyncDispose]()
      }
      t.teardown(stop)
      return { stop }
    },
  }
  const relay = await stopped((signal) =>
    runRelay({ store: log, bus, logger: silent, metrics: noMetrics, signal }),
  )
  t.teardown(relay)
  return world
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}
