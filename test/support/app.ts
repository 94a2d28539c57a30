import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { SCOPES } from '../../domain/identity/scopes.ts'
import type { Actor } from '../../services/kernel/actor.ts'
import { createHttpApp, type HttpApp } from '../../services/kernel/http-app.ts'
import { type Logger, silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import type { ReadFreshness } from '../../services/ports/read-freshness.ts'

export type TestAppOptions = Partial<Actor> & {
  /** Who reads the public catalogue without a key; by default nobody. */
  readonly anonymous?: Actor
  /** By default every position counts as reached. */
  readonly freshness?: ReadFreshness
  readonly logger?: Logger
}

export type TestApp = {
  readonly app: HttpApp
  /** A new key of the app's actor, changed by `actor`; for requests over a real socket. */
  readonly keyOf: (actor?: Partial<Actor>) => string
  /** Sends with a key that belongs to the app's actor, changed by `actor`; pass `null` for no key. */
  readonly inject: (
    request: InjectOptions,
    actor?: Partial<Actor> | null,
  ) => Promise<LightMyRequestResponse>
}

const alwaysFresh: ReadFreshness = {
  reached: async () => 2n ** 62n,
  waitFor: async () => true,
  standingStill: async () => [],
}

/** One context's routes on the real HTTP platform; keys are known by the test instead of by a store. */
export async function testApp(
  t: { readonly teardown: (close: () => Promise<void>) => void },
  routes: FastifyPluginAsyncTypebox,
  { anonymous, freshness = alwaysFresh, logger = silent, ...overrides }: TestAppOptions = {},
): Promise<TestApp> {
  const standard: Actor = { tenantId: 'acme', actorId: 'tester', scopes: SCOPES, ...overrides }
  const keys = new Map<string, Actor>()
  const app = await createHttpApp({
    authenticator: {
      byKey: async (key) => keys.get(key),
      anonymous: async () => anonymous,
    },
    freshness,
    logger,
    metrics: noMetrics,
  })
  t.teardown(() => app.close())
  await app.register(routes)
  await app.ready()

  const keyOf = (actor: Partial<Actor> = {}) => {
    const key = `key-${keys.size}`
    keys.set(key, { ...standard, ...actor })
    return key
  }
  return {
    app,
    keyOf,
    inject: (request, actor = {}) => {
      if (actor === null) return app.inject(request)
      return app.inject({
        ...request,
        headers: { authorization: `Bearer ${keyOf(actor)}`, ...request.headers },
      })
    },
  }
}
