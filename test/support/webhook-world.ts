import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { openKeyRing } from '../../infra/crypto/key-ring.ts'
import type { KeyTables } from '../../infra/crypto/key-tables.ts'
import { createSecretStore } from '../../infra/crypto/secret-store.ts'
import { createReadDatabase } from '../../infra/postgres/pool.ts'
import { createDeliveryLedger } from '../../infra/webhooks/delivery-ledger.ts'
import { createWebhookSender } from '../../infra/webhooks/http-sender.ts'
import { type WebhooksTables, webhooks } from '../../projections/webhooks/webhooks.ts'
import type { EventStore } from '../../services/ports/event-store.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import type { ReadFreshness } from '../../services/ports/read-freshness.ts'
import { DELIVERY_LIMITS, type DeliveryLimits } from '../../services/webhooks/limits.ts'
import { runWebhookReactor, type WebhookReactorDeps } from '../../services/webhooks/reactor.ts'
import { webhookRoutes } from '../../services/webhooks/routes.ts'
import { type TestApp, testApp } from './app.ts'
import { dataDirectory } from './installer-world.ts'
import { freshPostgresStore } from './postgres-store.ts'
import { projected } from './projected.ts'

type Scope = { readonly teardown: (stop: () => Promise<void> | void) => void }

export type WebhookWorldOptions = {
  readonly allowPrivate?: boolean
  readonly timeoutMs?: number
  readonly limits?: Partial<DeliveryLimits>
}

/** How often a webhook is looked at, so that a clock that was set forward is noticed. */
const IDLE_MS = 20

/** What delivers to webhooks, on a log of its own, without a lease: a test has one process. */
export async function reactorDeps(
  store: EventStore,
  pool: pg.Pool,
  dataDir: string,
  { allowPrivate = true, timeoutMs = 2_000, limits = {} }: WebhookWorldOptions = {},
): Promise<WebhookReactorDeps & { readonly sender: AsyncDisposable }> {
  const keys = createReadDatabase<KeyTables>(pool)
  const { tenantKeys } = await openKeyRing(keys, dataDir)
  return {
    events: store,
    ledger: createDeliveryLedger(pool),
    secrets: createSecretStore({ db: keys, tenantKeys }),
    sender: createWebhookSender({ allowPrivate, timeoutMs }),
    limits: { ...DELIVERY_LIMITS, idleMs: IDLE_MS, graceMs: 100, ...limits },
    now: () => new Date(),
    random: Math.random,
    hold: (signal, work) => work(signal),
    logger: silent,
    metrics: noMetrics,
  }
}

/** Log, read model, HTTP API and delivery, with a clock that the test sets. */
export async function webhookWorld(t: Scope, options: WebhookWorldOptions = {}) {
  const { store, pool, appUrl } = await freshPostgresStore(t)
  const freshness = projected(t, store, pool, [webhooks])
  const dataDir = dataDirectory(t)
  const clock = { aheadMs: 0 }
  const deps = {
    ...(await reactorDeps(store, pool, dataDir, options)),
    now: () => new Date(Date.now() + clock.aheadMs),
  }
  const { app, inject, keyOf } = await testApp(
    t,
    webhookRoutes({ ...deps, db: createReadDatabase<WebhooksTables>(pool) }),
    { freshness },
  )
  let stop = new AbortController()
  let running: Promise<void> = Promise.resolve()
  const world = {
    ...tenantOf({ store, freshness, inject }, 'acme'),
    ...{ deps, store, pool, appUrl, dataDir, app, inject, keyOf },
    /** Moves the clock of delivery forward. */
    pass: (ms: number) => {
      clock.aheadMs += ms
    },
    start() {
      stop = new AbortController()
      running = runWebhookReactor(deps, stop.signal)
    },
    async stop() {
      stop.abort()
      await running
    },
    of: (tenantId: string) => tenantOf({ store, freshness, inject }, tenantId),
  }
  t.teardown(async () => {
    await world.stop()
    await deps.sender[Symbol.asyncDispose]()
  })
  return world
}

type Served = Pick<TestApp, 'inject'> & {
  readonly store: EventStore
  readonly freshness: ReadFreshness
}

/** What one tenant does and sees. */
function tenantOf({ store, freshness, inject }: Served, tenantId: string) {
  /** @throws when the answer is not a success. */
  async function send<Answer = Record<string, string>>(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    url: string,
    payload?: object,
  ): Promise<Answer> {
    const request = { method, url, ...(payload === undefined ? {} : { payload }) }
    const answer = await inject(request, { tenantId })
    if (answer.statusCode > 299) throw new Error(`${url}: ${answer.body}`)
    return answer.json()
  }
  return {
    send,
    async register(url: string, settings: { readonly types?: readonly string[] } = {}) {
      const made = await send('POST', '/v1/webhooks', { url, ...settings })
      const { webhookId = '', secret = '', position = '' } = made
      await freshness.waitFor(BigInt(position), 10_000)
      return { id: webhookId, secret, path: `/v1/webhooks/${webhookId}` }
    },
    /** So many things happen. @returns the events' ids. */
    happen: (count: number) => appendUsage(store, count, tenantId),
    /** Emits an event of the tenant's own. @returns its id. */
    emit: (name: string) => appendCustom(store, name, tenantId),
    async deliveries(path: string, state?: DeliveryItem['state']) {
      const query = state === undefined ? '' : `&state=${state}`
      const page = await send<{ readonly items: DeliveryItem[] }>(
        'GET',
        `${path}/deliveries?limit=100${query}`,
      )
      return page.items
    },
  }
}

export type DeliveryItem = {
  readonly eventId: string
  readonly position: string
  readonly state: 'owed' | 'delivered' | 'parked'
  readonly attempts: number
  readonly replays: number
  readonly nextAttemptAt?: string
  readonly lastAttempt?: {
    readonly outcome: string
    readonly status?: number
    readonly answer?: string
  }
}

/** So many `UsageTracked`. @returns their ids. */
async function appendUsage(store: EventStore, count: number, tenantId: string): Promise<string[]> {
  const events = Array.from({ length: count }, (_, index) => ({
    id: randomUUID(),
    type: 'UsageTracked',
    data: usage(index),
  }))
  const context = { tenantId, actorId: 'test', correlationId: 'test', causationId: 'test' }
  await store.append(`usage-${tenantId}.${randomUUID()}`, events, 'no-stream', context)
  return events.map(({ id }) => id)
}

async function appendCustom(store: EventStore, name: string, tenantId: string): Promise<string> {
  const id = randomUUID()
  const data = { name, version: 1, data: {}, emittedAt: '2026-01-02T03:04:05.678Z' }
  const context = { tenantId, actorId: 'test', correlationId: 'test', causationId: 'test' }
  const event = { id, type: 'CustomEventEmitted', data }
  await store.append(`custom-${tenantId}.${name}`, [event], 'any', context)
  return id
}

function usage(index: number) {
  return {
    serviceId: `io.example/service-${index}`,
    tool: 'read_file',
    durationMs: index,
    outcome: 'ok',
    occurredAt: '2026-01-02T03:04:05.678Z',
  }
}
