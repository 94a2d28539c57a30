import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { CatalogueVisibility } from '../../../domain/identity/tenant.ts'
import { eventRoutes } from '../../../services/audit/event-routes.ts'
import type { StreamTiming } from '../../../services/audit/event-stream.ts'
import type { EventStore } from '../../../services/ports/event-store.ts'
import { silent } from '../../../services/ports/logger.ts'
import { testApp } from '../../support/app.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { waitFor } from '../../support/wait-for.ts'

const at = '2026-01-02T03:04:05.000Z'

function recorder(store: EventStore) {
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

async function auditedApp(t: Test, timing?: StreamTiming, pageBytes?: number) {
  const { store } = await freshPostgresStore(t)
  const stopping = new AbortController()
  const deps = {
    ...{ store, logger: silent, stopping: stopping.signal },
    ...(pageBytes === undefined ? {} : { pageBytes }),
  }
  const { app, inject } = await testApp(
    t,
    eventRoutes(timing === undefined ? deps : { ...deps, timing }),
  )
  t.teardown(() => stopping.abort())
  return { app, inject, stopping, record: recorder(store) }
}

type Seen = { readonly id: string; readonly data: { readonly position: string } }

/** Reads a stream as a browser's EventSource does: the id moves also where there is no data. */
class Reader {
  readonly events: Seen[] = []
  lastId = ''
  ended = false
  readonly #abort = new AbortController()
  readonly status: Promise<number>

  constructor(url: string, lastEventId?: string) {
    const headers = {
      authorization: 'Bearer key-0',
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
    const data = field('data')
    if (data !== undefined) this.events.push({ id: this.lastId, data: JSON.parse(data) })
  }

  close() {
    this.#abort.abort()
  }
}

async function listening(t: Test, timing?: StreamTiming) {
  const audited = await auditedApp(t, timing)
  // The first request makes the key that the readers use.
  await audited.inject({ url: '/v1/events' })
  await audited.app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = audited.app.server.address() as AddressInfo
  const open = (query = '', lastEventId?: string) => {
    const reader = new Reader(`http://127.0.0.1:${port}/v1/events/stream${query}`, lastEventId)
    t.teardown(() => reader.close())
    return reader
  }
  return { ...audited, open }
}

t.test(
  'pages tell the log in order, within the tenant, and end where the next begins',
  async (t) => {
    const { inject, record } = await auditedApp(t)
    await record('acme', 'public', 'private')
    await record('other', 'public')
    await record('acme', 'public')
    const first = (await inject({ url: '/v1/events?limit=2' })).json()
    t.equal(first.items.length, 2)
    t.match(first.items[0], {
      specversion: '1.0',
      type: 'CatalogueVisibilityChanged',
      subject: 'tenant-acme.tenant',
      tenantid: 'acme',
      actorid: 'key:a',
      correlationid: 'c',
      schemaversion: 1,
      streamrevision: '0',
      data: { visibility: 'public' },
    })
    const rest = (await inject({ url: `/v1/events?after=${first.nextAfter}` })).json()
    t.same(
      rest.items.map(({ streamrevision }: { streamrevision: string }) => streamrevision),
      ['2'],
    )
    const end = (await inject({ url: `/v1/events?after=${rest.nextAfter}` })).json()
    t.same(end, { items: [], nextAfter: rest.nextAfter })
    const none = (await inject({ url: '/v1/events?types=TenantCreated,ApiKeyIssued' })).json()
    t.same(none.items, [])
  },
)

t.test('what is no position is refused', async (t) => {
  const { inject } = await auditedApp(t)
  for (const after of ['x', '-1', '1e3', '99999999999999999999', '9999999999999999999', '']) {
    const answer = await inject({ url: `/v1/events?after=${after}` })
    t.same([answer.statusCode, answer.json().code], [400, 'invalid-parameters'], after)
  }
  t.equal((await inject({ url: '/v1/events' }, { scopes: ['catalogue:read'] })).statusCode, 403)
})

t.test('a reader that reconnects again and again sees every event once', async (t) => {
  const { open, record } = await listening(t)
  const seen: string[] = []
  let resume = '0'
  let last = 0n
  for (let round = 0; round < 6; round++) {
    const reader = open('', resume)
    last = await record('acme', 'public', 'private', 'public')
    await record('other', 'public')
    // Half of the readers leave in the middle of what there is to read.
    const enough = round % 2 === 0 ? 1 : 3
    await waitFor('events', () => reader.events.length >= enough)
    const taken = reader.events.slice(0, enough)
    reader.close()
    seen.push(...taken.map(({ data }) => data.position))
    resume = taken.at(-1)?.id ?? resume
  }
  const reader = open('', resume)
  await waitFor('the end', () => reader.events.at(-1)?.data.position === last.toString())
  seen.push(...reader.events.map(({ data }) => data.position))
  t.equal(seen.length, 18)
  t.equal(new Set(seen).size, 18)
  t.same(
    seen,
    [...seen].sort((a, b) => Number(a) - Number(b)),
  )
})

t.test('what others do moves the resume point, so that it is not read again', async (t) => {
  const { open, record } = await listening(t)
  const reader = open('?types=TenantCreated&after=0')
  const last = await record('other', 'public')
  await waitFor('the resume point', () => reader.lastId === last.toString())
  t.same(reader.events, [])
})

t.test('without a place to start, a stream tells what happens from now on', async (t) => {
  const { open, record } = await listening(t)
  const before = await record('acme', 'public')
  const reader = open()
  await waitFor('the start', () => reader.lastId === before.toString())
  await record('acme', 'private')
  await waitFor('the event', () => reader.events.length === 1)
  t.match(reader.events[0]?.data, { data: { visibility: 'private' } })
})

t.test('a key has five streams and no more', async (t) => {
  const { open, inject } = await listening(t)
  const readers = Array.from({ length: 5 }, () => open())
  for (const reader of readers) t.equal(await reader.status, 200)
  const refused = await inject({
    url: '/v1/events/stream',
    headers: { authorization: 'Bearer key-0' },
  })
  t.same([refused.statusCode, refused.json().code], [429, 'too-many-streams'])
  readers[0]?.close()
  const again = await waitFor('a place', async () => {
    const reader = open()
    return (await reader.status) === 200 ? reader : undefined
  })
  t.equal(again.ended, false)
})

t.test('streams end when the process stops', async (t) => {
  const { open, app, stopping } = await listening(t)
  const reader = open()
  await reader.status
  stopping.abort()
  await waitFor('the end', () => reader.ended)
  await app.close()
})

t.test('a reader that takes nothing is dropped', async (t) => {
  const timing = { heartbeatMs: 60_000, stallMs: 200, maxDurationMs: 60_000 }
  const { app, record } = await listening(t, timing)
  const { port } = app.server.address() as AddressInfo
  const { connect } = await import('node:net')
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  let closed = false
  socket.on('error', () => {})
  socket.on('close', () => {
    closed = true
  })
  socket.pause()
  socket.write(
    'GET /v1/events/stream?after=0 HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer key-0\r\n\r\n',
  )
  const many = Array.from({ length: 500 }, () => 'public' as const)
  for (let i = 0; i < 40; i++) await record('acme', ...many)
  const connections = () =>
    new Promise<number>((resolve) => app.server.getConnections((_error, count) => resolve(count)))
  await waitFor('the drop', async () => (await connections()) === 0)
  socket.resume()
  await waitFor('the close', () => closed)
  t.pass('dropped')
})

t.test('a page of large events ends early, and the next one goes on', async (t) => {
  const { inject, record } = await auditedApp(t, undefined, 150)
  await record('acme', 'public', 'private', 'public', 'private', 'public')
  const sizes: number[] = []
  const ids = new Set<string>()
  let after = '0'
  do {
    const page = (await inject({ url: `/v1/events?limit=1000&after=${after}` })).json()
    sizes.push(page.items.length)
    for (const { id } of page.items) ids.add(id)
    after = page.nextAfter
  } while (sizes.at(-1) !== 0)
  t.equal(ids.size, 5)
  t.ok(Math.max(...sizes) < 5, `pages of ${sizes}`)
})
