import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { Type } from 'typebox'
import { ERASED, subjectId, UNREADABLE } from '../../../domain/kernel/personal.ts'
import { firstVersion } from '../../../domain/kernel/upcast.ts'
import { openKeyRing } from '../../../infra/crypto/key-ring.ts'
import type { KeyTables } from '../../../infra/crypto/key-tables.ts'
import { createEventCodec } from '../../../infra/eventstore/codec.ts'
import { createEventStoreDbEventStore } from '../../../infra/eventstore/eventstoredb/event-store.ts'
import { PersonalData } from '../../../infra/eventstore/personal-data.ts'
import { createReadDatabase } from '../../../infra/postgres/pool.ts'
import type { EventStore, NewEvent, RecordedEvent } from '../../../services/ports/event-store.ts'
import { silent } from '../../../services/ports/logger.ts'
import { noMetrics } from '../../../services/ports/metrics.ts'
import { SubjectErasedError } from '../../../services/ports/subject-keys.ts'
import { all } from '../../support/event-store-contract/scene.ts'
import { EventStoreDbDouble } from '../../support/eventstoredb-double/server.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { recordedEvent } from '../../support/recorded-event.ts'
import { sealing } from '../../support/sealing.ts'

const CANARY = 'ann-canary@example.com'
const { pool, store: postgres } = await freshPostgresStore(t)
const db = createReadDatabase<KeyTables>(pool)
const directory = t.testdir()
const keys = await openKeyRing(db, directory)

const issued = (subjectId: string, data: object = {}): NewEvent => ({
  id: randomUUID(),
  type: 'ApiKeyIssued',
  data: {
    ...{ keyId: 'a1', subjectId, name: CANARY, owner: CANARY },
    ...{ scopes: ['audit:read'], secretHash: 'ff', issuedAt: '2026-01-02T03:04:05.678Z' },
    ...data,
  },
})
const erased = (subjectId: string): NewEvent => ({
  id: randomUUID(),
  type: 'SubjectErased',
  data: { subjectId, erasedAt: '2026-01-02T03:04:05.678Z' },
})
const context = (tenantId = 'acme') => ({
  ...{ tenantId, actorId: 'key:1', correlationId: 'c', causationId: 'c' },
})
const newStream = () => `apikey-acme.${randomUUID()}`
const textOf = ({ raw }: RecordedEvent) => raw.data + raw.metadata

async function inEventStoreDb(t: Test): Promise<EventStore> {
  const double = await EventStoreDbDouble.start()
  t.teardown(() => double[Symbol.asyncDispose]())
  const store = createEventStoreDbEventStore({
    connectionString: double.connectionString,
    codec: createEventCodec({ now: () => new Date() }),
    logger: silent,
    metrics: noMetrics,
  })
  t.teardown(() => store[Symbol.asyncDispose]())
  return store
}

const logs: Readonly<Record<string, (t: Test) => Promise<EventStore>>> = {
  Postgres: async () => postgres,
  EventStoreDB: inEventStoreDb,
}

for (const [name, open] of Object.entries(logs))
  t.test(`personal data in ${name}`, async (t) => {
    const log = await open(t)
    const store = sealing(log, keys)

    t.test('the log has ciphertext, readers have the text, by every way of reading', async (t) => {
      const stream = newStream()
      const { position } = await store.append(stream, [issued(randomUUID())], 'any', context())
      const [stored] = await all(log.readStream(stream))
      t.ok(stored && !textOf(stored).includes(CANARY))
      t.match(stored?.data.owner, /^v1\.[0-9a-f-]{36}\./)
      const [read] = await all(store.readStream(stream))
      t.match(read?.data, { keyId: 'a1', name: CANARY, owner: CANARY })
      t.same(read?.raw, stored?.raw, 'raw is what is stored')
      const last = await all(store.readAll({ direction: 'backwards', limit: 1 }))
      t.match(last[0]?.data, { owner: CANARY })
      const signal = AbortSignal.timeout(10_000)
      for await (const { events } of store.follow({ after: position - 1n, signal })) {
        t.match(events[0]?.data, { owner: CANARY })
        break
      }
    })

    t.test('a retry is one append, although its ciphertext differs', async (t) => {
      const [stream, event] = [newStream(), issued(randomUUID())]
      const first = await store.append(stream, [event], 'no-stream', context())
      t.same(await store.append(stream, [event], 'no-stream', context()), first)
      t.equal((await all(log.readStream(stream))).length, 1)
    })

    t.test(
      'with the key destroyed everything still reads, and says that it is erased',
      async (t) => {
        const [stream, ann, bob] = [newStream(), randomUUID(), randomUUID()]
        await store.append(stream, [issued(ann), issued(bob)], 'any', context())
        await keys.subjectKeys.destroy('acme', ann)
        const [first, second] = await all(store.readStream(stream))
        t.match(first, { data: { keyId: 'a1', name: ERASED, owner: ERASED }, fault: undefined })
        t.match(second?.data, { owner: CANARY })
        await t.rejects(store.append(stream, [issued(ann)], 'any', context()), SubjectErasedError)
      },
    )

    t.test('plain text of a personal field does not get past the codec', async (t) => {
      const stream = newStream()
      const refused = await log
        .append(stream, [issued(randomUUID())], 'any', context())
        .catch(String)
      t.match(refused, /ApiKeyIssued: the data at "\/(name|owner)" must match pattern/)
      t.notMatch(refused, CANARY)
      t.same(await all(log.readStream(stream)), [])
    })

    t.test('what does not fit its schema is refused without being told', async (t) => {
      const long = `${CANARY}${'x'.repeat(300)}`
      for (const bad of [{ name: long }, { name: [CANARY] }, { subjectId: [CANARY] }]) {
        const event = issued(randomUUID(), bad)
        const refused = await store.append(newStream(), [event], 'any', context()).catch(String)
        t.match(refused, /InvalidEventError: ApiKeyIssued: the data at/)
        t.notMatch(refused, /canary/)
      }
    })
  })

const noted = (type: string) =>
  firstVersion(
    Type.Object(
      {
        who: subjectId,
        name: Type.String({ personal: { subject: 'who' } }),
        owner: Type.String({ personal: { subject: 'who' } }),
      },
      { $id: `test.${type}.v1` },
    ),
  )

t.test('a value opens in its own tenant, stream, type and field only', async (t) => {
  const catalogue = { test: { One: noted('One'), Two: noted('Two') } }
  const personal = new PersonalData({ keys: keys.subjectKeys, logger: silent, catalogue })
  const plain = { who: randomUUID(), name: CANARY, owner: CANARY }
  const event = { id: randomUUID(), type: 'One', data: plain }
  const [{ data } = event] = await personal.seal('s-acme.1', 'acme', [event])
  const home = recordedEvent(1n, { type: 'One', data, stream: 's-acme.1', tenantId: 'acme' })
  t.same((await personal.open([home]))[0]?.data, plain)
  const suffix = fc.string({ minLength: 1 })
  const place = fc.oneof<fc.Arbitrary<Partial<RecordedEvent>>[]>(
    suffix.map((text) => ({ stream: `s-acme.1${text}` })),
    suffix.map((text) => ({ tenantId: `acme${text}` })),
    fc.constant({ type: 'Two' }),
    fc.constant({ data: { ...data, name: data.owner } }),
    fc.nat(40).map((index) => ({ data: { ...data, name: flipped(String(data.name), index) } })),
  )
  await fc.assert(
    fc.asyncProperty(place, async (moved) => {
      const [read] = await personal.open([{ ...home, ...moved }])
      // Another tenant has no such key; everywhere else the key is found and does not fit.
      if ('tenantId' in moved) t.equal(read?.data.name, UNREADABLE)
      else t.match(read, { data: {}, fault: /was not encrypted for here/ })
      t.notMatch(JSON.stringify({ ...read, position: 0, revision: 0 }), CANARY)
    }),
  )
})

/** The base64url text with one character of the box changed. */
function flipped(sealed: string, index: number): string {
  const at = sealed.lastIndexOf('.') + 1 + index
  return sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1)
}

t.test('who has read a value does not show it once another process erased it', async (t) => {
  const [stream, ann] = [newStream(), randomUUID()]
  const here = sealing(postgres, keys)
  await here.append(stream, [issued(ann)], 'any', context())
  t.match((await all(here.readStream(stream)))[0]?.data, { owner: CANARY })
  const elsewhere = await openKeyRing(db, directory)
  await elsewhere.subjectKeys.destroy('acme', ann)
  t.match((await all(here.readStream(stream)))[0]?.data, { owner: ERASED })
  await t.rejects(here.append(stream, [issued(ann)], 'any', context()), SubjectErasedError)
})

t.test('the keys of many events are asked for a few times, and their order stays', async (t) => {
  const [stream, ann] = [newStream(), randomUUID()]
  const asked = { forSealing: 0, forOpening: 0 }
  const { forSealing, forOpening } = keys.subjectKeys
  const subjectKeys: typeof keys.subjectKeys = {
    ...keys.subjectKeys,
    forSealing: (...subject) => {
      asked.forSealing++
      return forSealing(...subject)
    },
    forOpening: (refs) => {
      asked.forOpening++
      return forOpening(refs)
    },
  }
  const store = sealing(postgres, { subjectKeys })
  const events = Array.from({ length: 150 }, (_, at) =>
    at % 3 === 0 ? erased(randomUUID()) : issued(ann, { keyId: `a${at}` }),
  )
  await store.append(stream, events, 'any', context())
  const read = await all(store.readStream(stream))
  t.same(
    read.map(({ data }) => data.keyId),
    events.map(({ data }) => data.keyId),
  )
  t.ok(read.every(({ data }) => data.owner === undefined || data.owner === CANARY))
  t.same(asked, { forSealing: 1, forOpening: 2 })
})

t.test('a lost key is no erasure, and stops nothing', async (t) => {
  const [stream, ann] = [newStream(), randomUUID()]
  await sealing(postgres, keys).append(stream, [issued(ann)], 'any', context())
  await pool.query('delete from ops.subject_keys where subject_id = $1', [ann])
  const fresh = sealing(postgres, await openKeyRing(db, directory))
  t.match((await all(fresh.readStream(stream)))[0], {
    data: { keyId: 'a1', owner: UNREADABLE },
    fault: undefined,
  })
})

t.test('followers wait while the keys cannot be read', async (t) => {
  const [stream, ann] = [newStream(), randomUUID()]
  const { position } = await sealing(postgres, keys).append(stream, [issued(ann)], 'any', context())
  let away = true
  const subjectKeys = {
    ...keys.subjectKeys,
    forOpening: async (...refs: Parameters<typeof keys.subjectKeys.forOpening>) => {
      if (away) throw new Error('The database is away.')
      return keys.subjectKeys.forOpening(...refs)
    },
  }
  const store = sealing(postgres, { subjectKeys })
  await t.rejects(all(store.readStream(stream)), { name: 'EventStoreUnavailableError' })
  const signal = AbortSignal.timeout(10_000)
  const feed = store.follow({ after: position - 1n, signal })
  const next = feed[Symbol.asyncIterator]().next()
  const early = await Promise.race([next.then(() => 'early'), delay(50, 'waits')])
  t.equal(early, 'waits')
  away = false
  t.match((await next).value?.events[0]?.data, { owner: CANARY })
})

t.test('events without personal data go to the log as they are', async (t) => {
  const seen: (readonly NewEvent[])[] = []
  const log: EventStore = {
    ...postgres,
    append: async (_stream, events) => {
      seen.push(events)
      return { revision: 0n, position: 1n }
    },
  }
  const events = [erased(randomUUID())]
  await sealing(log, keys).append('subject-acme.1', events, 'any', context())
  t.equal(seen[0], events)
})
