import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import type { EncodedEvent } from '../../../infra/eventstore/codec.ts'
import type { EventStore, ExpectedRevision } from '../../../services/ports/event-store.ts'
import { InvalidEventError, RevisionConflictError } from '../../../services/ports/event-store.ts'
import { all, createScene, idsOf, isAscending } from './scene.ts'

export async function appendingContract(
  t: Test,
  store: EventStore,
  encoded: ReadonlyMap<string, EncodedEvent>,
): Promise<void> {
  await expectedRevisions(t, store)
  await storedExactly(t, store, encoded)
  await refusals(t, store)
}

async function expectedRevisions(t: Test, store: EventStore): Promise<void> {
  for (const expected of ['no-stream', 'any'] as const)
    await t.test(`an absent stream can be begun with ${expected}`, async (t) => {
      const { newStream, note, context } = createScene(store)
      const stream = newStream()
      const { revision, position } = await store.append(stream, [note(), note()], expected, context)
      t.equal(revision, 1n)
      t.equal((await all(store.readStream(stream))).at(-1)?.position, position)
    })

  for (const expected of ['stream-exists', 0n, 5n] as const)
    await t.test(`an absent stream is not as expected by ${expected}`, async (t) => {
      const { newStream, note, context } = createScene(store)
      const stream = newStream()
      await t.rejects(store.append(stream, [note()], expected, context), {
        name: 'RevisionConflictError',
        stream,
        expected,
        actual: 'no-stream',
      })
      t.same(await all(store.readStream(stream)), [], 'nothing was written')
    })

  for (const expected of ['stream-exists', 'any', 1n] as const)
    await t.test(`a stream at revision 1 goes on with ${expected}`, async (t) => {
      const { newStream, note, context } = createScene(store)
      const stream = newStream()
      const first = await store.append(stream, [note(), note()], 'no-stream', context)
      const second = await store.append(stream, [note()], expected, context)
      t.equal(second.revision, 2n)
      t.ok(second.position > first.position)
    })

  for (const expected of ['no-stream', 0n, 2n] as const)
    await t.test(`a stream at revision 1 is not as expected by ${expected}`, async (t) => {
      const { newStream, note, context } = createScene(store)
      const stream = newStream()
      const written = [note(), note()]
      await store.append(stream, written, 'no-stream', context)
      await t.rejects(store.append(stream, [note()], expected as ExpectedRevision, context), {
        name: 'RevisionConflictError',
        stream,
        expected,
        actual: 1n,
      })
      t.same(
        idsOf(await all(store.readStream(stream))),
        written.map(({ id }) => id),
      )
    })

  await t.test('a conflict is a RevisionConflictError', async (t) => {
    const { newStream, note, context } = createScene(store)
    const error = await store.append(newStream(), [note()], 7n, context).catch((e) => e)
    t.ok(error instanceof RevisionConflictError)
  })
}

async function storedExactly(
  t: Test,
  store: EventStore,
  encoded: ReadonlyMap<string, EncodedEvent>,
): Promise<void> {
  await t.test('an event comes back as it was appended', async (t) => {
    const { newStream, note, counter, context } = createScene(store)
    const stream = newStream()
    const events = [note('first'), counter(-3)]
    const before = new Date().toISOString()
    await store.append(stream, events, 'no-stream', context)
    const read = await all(store.readStream(stream))
    t.match(read, [
      {
        ...context,
        stream,
        type: 'NoteWritten',
        data: { text: 'first' },
        revision: 0n,
        schemaVersion: 1,
      },
      {
        ...context,
        stream,
        type: 'CounterMoved',
        data: { by: -3 },
        revision: 1n,
        schemaVersion: 1,
      },
    ])
    t.same(
      idsOf(read),
      events.map(({ id }) => id),
    )
    t.ok(isAscending(read.map(({ position }) => position)))
    t.ok(read.every(({ time }) => time >= before && time <= new Date().toISOString()))
    t.ok(read.every(({ fault }) => fault === undefined))
  })

  const texts = {
    'emoji and scripts': '👩‍👩‍👧‍👦 Привет 漢字 ‏עברית‎ é é',
    'control characters': '\0 \u0001 \t \r\n \u007f \u2028 \u2029 \ufeff \uffff',
    'lone surrogates': '\ud800 and \udfff',
    'what JSON, SQL and array literals escape': `"quotes" 'single' \\ back\\slash {braces,} $1 NULL`,
    'an empty text': '',
  }
  for (const [what, text] of Object.entries(texts))
    await t.test(`${what} in data, byte for byte`, async (t) => {
      const { newStream, note, context } = createScene(store)
      const stream = newStream()
      const event = note(text)
      await store.append(stream, [event], 'any', context)
      const [read] = await all(store.readStream(stream))
      t.same(read?.data, { text })
      t.equal(read?.raw.data, encoded.get(event.id)?.data)
      t.equal(read?.raw.metadata, encoded.get(event.id)?.metadata)
    })

  await t.test('unicode in the name of a stream', async (t) => {
    const { newStream, note, context } = createScene(store)
    const streams = [
      '日本語 🗾',
      '\u00e9',
      'e\u0301',
      ' a b/?%#\\"\'\n',
      'with.dots-and-hyphens',
    ].map(newStream)
    for (const stream of streams) await store.append(stream, [note(stream)], 'no-stream', context)
    for (const stream of streams)
      t.match(await all(store.readStream(stream)), [{ stream, data: { text: stream } }])
  })

  await t.test('an event of a megabyte', async (t) => {
    const { newStream, note, context } = createScene(store)
    const stream = newStream()
    const text = 'x'.repeat(1_048_576 - '{"text":""}'.length)
    await store.append(stream, [note(text)], 'no-stream', context)
    const [read] = await all(store.readStream(stream))
    t.ok(read?.data.text === text)
  })
}

async function refusals(t: Test, store: EventStore): Promise<void> {
  await t.test(
    'what cannot be an event is refused, and nothing of its append is written',
    async (t) => {
      const { newStream, note, context } = createScene(store)
      const stream = newStream()
      const twice = note()
      const tooLarge = 'x'.repeat(1_048_577 - '{"text":""}'.length)
      const appends = {
        'no event': [],
        'no UUID': [note(), { ...note(), id: 'one' }],
        'an unknown type': [note(), { ...note(), type: 'NeverHeardOf' }],
        'data that does not fit': [note(), { ...note(), data: { text: 7 } }],
        'the same id twice': [twice, twice],
        'a byte too many': [note(tooLarge)],
      }
      for (const [what, events] of Object.entries(appends))
        await t.rejects(store.append(stream, events, 'any', context), InvalidEventError, what)
      t.same(await all(store.readStream(stream)), [])
    },
  )

  await t.test("another tenant's stream is refused", async (t) => {
    const { newStream, note, context } = createScene(store)
    const stranger = createScene(store)
    for (const stream of [stranger.newStream(), 'no-tenant', '', `x-${randomUUID()}`])
      await t.rejects(
        store.append(stream, [note()], 'any', context),
        InvalidEventError,
        `"${stream}"`,
      )
    await t.rejects(store.append(newStream('a\ud800'), [note()], 'any', context), InvalidEventError)
  })
}
