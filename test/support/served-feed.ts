import { randomUUID } from 'node:crypto'
import { type AddressInfo, connect } from 'node:net'
import type { Test } from 'tap'
import type { CatalogueVisibility } from '../../domain/identity/tenant.ts'
import type { FeedTiming } from '../../services/audit/event-feed.ts'
import type { FeedLimits } from '../../services/audit/feed-places.ts'
import { feedRoutes } from '../../services/audit/feed-routes.ts'
import type { EventStore } from '../../services/ports/event-store.ts'
import { silent } from '../../services/ports/logger.ts'
import { testApp } from './app.ts'
import { listServers } from './catalogue-entry.ts'
import { freshPostgresStore } from './postgres-store.ts'

const at = '2026-01-02T03:04:05.000Z'

/** Appends to the tenant's own stream; each visibility is one event. */
export function recorder(store: EventStore) {
  return async (tenantId: string, ...visibilities: readonly CatalogueVisibility[]) => {
    const events = visibilities.map((visibility) => ({
      id: randomUUID(),
      type: 'CatalogueVisibilityChanged',
      data: { visibility, changedAt: at },
    }))
    const context = { tenantId, actorId: 'key:a', correlationId: 'c', causationId: 'c' }
    return (await store.append(`tenant-${tenantId}.tenant`, events, 'any', context)).position
  }
}

export type FeedOptions = {
  readonly timing?: Partial<FeedTiming>
  readonly limits?: FeedLimits
}

const TIMING: FeedTiming = { heartbeatMs: 320, stallMs: 30_000, maxDurationMs: 600_000 }

/** The feed's routes on a port of their own, over an empty log. */
export async function servedFeed(t: Test, { timing, limits }: FeedOptions = {}) {
  const { store: log } = await freshPostgresStore(t)
  const { store, followers } = countingFollowers(log)
  const stopping = new AbortController()
  const routes = feedRoutes({
    ...{ store, logger: silent, stopping: stopping.signal, timing: { ...TIMING, ...timing } },
    limits: limits ?? { clients: 1_000, clientsPerKey: 100 },
  })
  const { app, inject, keyOf } = await testApp(t, routes)
  t.teardown(() => stopping.abort())
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const key = keyOf()
  const open = (query = '', lastEventId?: string, reading = key) => {
    const url = `http://127.0.0.1:${port}/v1/events/stream${query}`
    const reader = new ServerSentReader(url, reading, lastEventId)
    t.teardown(() => reader.close())
    return reader
  }
  return {
    ...{ app, followers, inject, key, keyOf, open, port, stopping, store },
    record: recorder(store),
  }
}

/** The log, and how many follow it now and did in all. */
function countingFollowers(log: EventStore) {
  const followers = { now: 0, ever: 0 }
  const store: EventStore = {
    append: (...args) => log.append(...args),
    readStream: (...args) => log.readStream(...args),
    readAll: (...args) => log.readAll(...args),
    head: () => log.head(),
    async *follow(options) {
      followers.now += 1
      followers.ever += 1
      try {
        yield* log.follow(options)
      } finally {
        followers.now -= 1
      }
    },
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  }
  return { store, followers }
}

/** Appends that a person's data was erased. */
export async function recordErasure(store: EventStore, tenantId: string): Promise<bigint> {
  const subjectId = randomUUID()
  const event = { id: randomUUID(), type: 'SubjectErased', data: { subjectId, erasedAt: at } }
  const context = { tenantId, actorId: 'key:a', correlationId: 'c', causationId: 'c' }
  return (await store.append(`subject-${tenantId}.${subjectId}`, [event], 'any', context)).position
}

/** An event of the tenant's own type. */
export async function emitCustom(store: EventStore, name: string) {
  const event = { name, version: 1, data: {}, emittedAt: at }
  await store.append(
    `custom-acme.${name}`,
    [{ id: randomUUID(), type: 'CustomEventEmitted', data: event }],
    'any',
    { tenantId: 'acme', actorId: 'key:a', correlationId: 'c', causationId: 'c' },
  )
}

/** Appends an event whose data has about `bytes`. */
export async function recordLarge(store: EventStore, tenantId: string, bytes: number) {
  return await listServers(store, {
    ...{ name: `large/${randomUUID()}`, version: '1', tenantId },
    server: { description: 'x'.repeat(bytes) },
  })
}

/** A connection that sends the request and then reads nothing. */
export async function neverReading(t: Test, port: number, path: string, key: string) {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  socket.pause()
  socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${key}\r\n\r\n`)
  return socket
}

export type SeenEvent = {
  readonly id: string
  readonly data: { readonly position: string; readonly type: string }
}

/** Reads a stream of server-sent events as a browser's EventSource does: the id moves also where there is no data. */
export class ServerSentReader {
  readonly events: SeenEvent[] = []
  lastId = ''
  retry = ''
  ended = false
  readonly #abort = new AbortController()
  readonly status: Promise<number>

  constructor(url: string, key: string, lastEventId?: string) {
    const headers = {
      authorization: `Bearer ${key}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    }
    const response = fetch(url, { headers, signal: this.#abort.signal })
    this.status = response.then(({ status }) => status)
    void response
      .then(async ({ body }) => {
        const text = body?.pipeThrough(new TextDecoderStream())
        let rest = ''
        for await (const chunk of text ?? []) {
          const blocks = (rest + chunk).split('\n\n')
          rest = blocks.pop() ?? ''
          for (const block of blocks) this.#take(block)
        }
      })
      .catch(() => {})
      .finally(() => {
        this.ended = true
      })
  }

  #take(block: string) {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]
    this.lastId = field('id') ?? this.lastId
    this.retry = field('retry') ?? this.retry
    const data = field('data')
    if (data !== undefined) this.events.push({ id: this.lastId, data: JSON.parse(data) })
  }

  close() {
    this.#abort.abort()
  }
}
