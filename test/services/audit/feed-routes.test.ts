import type { Server } from 'node:http'
import t from 'tap'
import {
  emitCustom,
  neverReading,
  recordErasure,
  recordLarge,
  servedFeed,
} from '../../support/served-feed.ts'
import { waitFor } from '../../support/wait-for.ts'

t.test('a reader that reconnects again and again sees every event once', async (t) => {
  const { open, record } = await servedFeed(t)
  const seen: string[] = []
  let resume = '0'
  let last = 0n
  for (let round = 0; round < 6; round++) {
    const reader = open('', resume)
    last = await record('acme', 'public', 'private', 'public')
    await record('other', 'public')
    // Half of the readers leave in the middle of what there is to read.
    const enough = round % 2 === 0 ? 1 : 3
    await waitFor('the events', () => reader.events.length >= enough)
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
  const { open, record } = await servedFeed(t)
  const reader = open('?types=TenantCreated&after=0')
  const last = await record('other', 'public')
  await waitFor('the resume point', () => reader.lastId === last.toString())
  t.same(reader.events, [])
})

t.test('without a place to start, a stream tells what happens from now on', async (t) => {
  const { open, record } = await servedFeed(t)
  const before = await record('acme', 'public')
  const reader = open()
  await waitFor('the start', () => reader.lastId === before.toString())
  await record('acme', 'private')
  await waitFor('the event', () => reader.events.length === 1)
  t.match(reader.events[0]?.data, { data: { visibility: 'private' } })
})

t.test('readers that come at any moment, from any place, see what follows it once', async (t) => {
  const { open, record, store } = await servedFeed(t)
  const positions = [0n, await record('acme', 'public', 'private')]
  const readers = [open('?after=0')]
  const after = [0n]
  for (let round = 0; round < 40; round++) {
    // Some go on while the log does.
    const written = record('acme', 'public', 'private', 'public')
    const from = positions[(round * 7) % positions.length] ?? 0n
    readers.push(open(round % 2 === 0 ? `?after=${from}` : '', `${from}`))
    after.push(from)
    positions.push(await written)
  }
  const all: bigint[] = []
  for await (const { position } of store.readAll({ tenantId: 'acme' })) all.push(position)
  for (const [index, reader] of readers.entries()) {
    const expected = all.filter((position) => position > (after[index] ?? 0n)).map(String)
    await waitFor('all', () => reader.lastId === expected.at(-1))
    t.same(
      reader.events.map(({ data }) => data.position),
      expected,
      `reader ${index}`,
    )
  }
})

t.test('after an erasure nothing is told from memory that was decrypted before it', async (t) => {
  const { followers, open, record, store } = await servedFeed(t)
  const reader = open('?after=0')
  await record('acme', 'public')
  await waitFor('memory to begin', () => reader.events.length === 1)
  const [first = 0n] = [await record('acme', 'public'), await record('acme', 'private')]
  await waitFor('the events', () => reader.events.length === 3)
  const before = followers.ever
  const resumed = open(`?after=${first}`)
  await waitFor('the rest', () => resumed.events.length === 1)
  t.equal(followers.ever, before, 'memory has it')
  const erased = await recordErasure(store, 'acme')
  await waitFor('the erasure', () => reader.lastId === erased.toString())
  const later = open(`?after=${first}`)
  await waitFor('the rest', () => later.events.length === 2)
  t.equal(followers.ever, before + 1, 'the store is asked')
})

t.test(
  'clients that wait share one follower of the log, and nobody follows for none',
  async (t) => {
    const { open, record, followers } = await servedFeed(t)
    const last = await record('acme', 'public')
    const readers = Array.from({ length: 60 }, (_, i) => open(i % 2 === 0 ? '' : '?after=0'))
    await waitFor('all of them', () => readers.every(({ lastId }) => lastId === last.toString()))
    await waitFor('one follower', () => followers.now === 1)
    const next = await record('acme', 'private')
    await waitFor('the event', () => readers.every(({ lastId }) => lastId === next.toString()))
    t.equal(followers.now, 1)
    for (const reader of readers) reader.close()
    await waitFor('no follower', () => followers.now === 0)
    const again = open()
    await waitFor('the start', () => again.lastId === next.toString())
    const later = await record('acme', 'public')
    await waitFor('the event', () => again.lastId === later.toString())
  },
)

t.test('filters narrow each other, live as before', async (t) => {
  const { open, record, store } = await servedFeed(t)
  const id = '11111111-1111-4111-8111-111111111111'
  const filters = {
    '?after=0&types=CatalogueEntryAdded': 2,
    '?after=0&context=identity': 2,
    '?after=0&context=identity,registry': 4,
    '?after=0&context=identity&types=CatalogueEntryAdded': 0,
    '?after=0&types=custom.Paid': 2,
    '?after=0&types=custom.Paid,CatalogueEntryAdded': 4,
    '?after=0&types=custom.Paid,CustomEventEmitted': 4,
    '?after=0&types=custom.Paid&context=registry': 0,
    '?after=0&types=custom.Unknown': 0,
    '?after=0&stream=tenant-acme.tenant': 2,
    '?after=0&stream=tenant-other.tenant': 0,
    '?after=0&stream=tenant-acme.tenant&context=registry': 0,
    [`?after=0&installation=${id}`]: 0,
    [`?after=0&installation=${id}&stream=tenant-acme.tenant`]: 0,
  }
  const write = async () => {
    await record('acme', 'public')
    await record('other', 'public')
    for (const name of ['Paid', 'Sent']) await emitCustom(store, name)
    return await recordLarge(store, 'acme', 10)
  }
  await write()
  const readers = Object.keys(filters).map((query) => open(query))
  const last = await write()
  const expected = Object.values(filters)
  for (const [index, reader] of readers.entries()) {
    await waitFor('the end', () => BigInt(reader.lastId || 0) >= last)
    t.equal(reader.events.length, expected[index], `reader ${index}`)
  }
})

t.test('what is no filter is refused before a stream begins', async (t) => {
  const { inject, record } = await servedFeed(t)
  const head = await record('acme', 'public')
  for (const query of [
    'context=audit',
    'installation=x',
    'stream=',
    'types=a-b',
    'types=x.A',
    'after=-1',
  ]) {
    const { statusCode, ...answer } = await inject({ url: `/v1/events/stream?${query}` })
    t.same([statusCode, answer.json().code], [400, 'invalid-parameters'], query)
  }
  const beyond = await inject({ url: `/v1/events/stream?after=${head + 1n}` })
  t.same([beyond.statusCode, beyond.json().code], [409, 'position-beyond-log'])
})

t.test('a key has its share of the places, and a process has so many', async (t) => {
  const { open, inject, keyOf } = await servedFeed(t, { limits: { clients: 4, clientsPerKey: 3 } })
  const readers = Array.from({ length: 3 }, () => open())
  for (const reader of readers) t.equal(await reader.status, 200)
  const another = keyOf({ actorId: 'another' })
  const url = '/v1/events/stream'
  const refused = await inject({ url })
  t.same([refused.statusCode, refused.json().code], [429, 'too-many-streams'])
  readers[0]?.close()
  await waitFor('a place', async () => {
    const reader = open()
    return (await reader.status) === 200
  })
  const third = { actorId: 'third' }
  const last = open('', undefined, another)
  t.equal(await last.status, 200)
  const full = await inject({ url }, third)
  t.same([full.statusCode, full.json().code], [503, 'feed-full'])
  t.match(full.headers['retry-after'], /^\d+$/)
})

t.test('streams end when the process stops, and say when to come back', async (t) => {
  const { open, app, stopping } = await servedFeed(t)
  const reader = open()
  await reader.status
  stopping.abort()
  await waitFor('the end', () => reader.ended)
  t.match(reader.retry, /^[12]\d{3}$|^3000$/)
  await app.close()
})

t.test('a stream ends after its time, and goes on where it was', async (t) => {
  const { open, record } = await servedFeed(t, { timing: { maxDurationMs: 1, heartbeatMs: 16 } })
  const reader = open('?after=0')
  const last = await record('acme', 'public')
  await waitFor('the end', () => reader.ended)
  let again = open('?after=0')
  await waitFor('the event', () => {
    if (again.ended) again = open('?after=0')
    return again.lastId === last.toString()
  })
})

t.test('who takes nothing while catching up is dropped after a while', async (t) => {
  const { app, key, port, store } = await servedFeed(t, {
    timing: { heartbeatMs: 160, stallMs: 200 },
  })
  for (let i = 0; i < 16; i++) await recordLarge(store, 'acme', 900_000)
  await neverReading(t, port, '/v1/events/stream?after=0', key)
  await waitFor('the connection', async () => (await connections(app)) === 1)
  await waitFor('the drop', async () => (await connections(app)) === 0)
})

t.test('who takes nothing while 1 MB comes is dropped; the others get all of it', async (t) => {
  const { app, key, open, port, store } = await servedFeed(t)
  await neverReading(t, port, '/v1/events/stream', key)
  const reader = open()
  await waitFor('the start', () => reader.lastId !== '')
  let last = 0n
  for (let i = 0; i < 16; i++) last = await recordLarge(store, 'acme', 900_000)
  await waitFor('the drop', async () => (await connections(app)) === 1)
  await waitFor('the events', () => reader.lastId === last.toString())
  t.equal(reader.events.length, 16)
})

function connections(app: { readonly server: Server }): Promise<number> {
  return new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count)))
}
