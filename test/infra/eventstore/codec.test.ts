import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { Type } from 'typebox'
import { firstVersion } from '../../../domain/kernel/upcast.ts'
import { createEventCodec, MAX_DATA_BYTES } from '../../../infra/eventstore/codec.ts'
import { InvalidEventError } from '../../../services/ports/event-store.ts'

const catalogue = {
  test: {
    ThingHappened: firstVersion(
      Type.Object(
        { anything: Type.Unknown(), at: Type.Optional(Type.String({ format: 'date-time' })) },
        { $id: 'test.ThingHappened.v1', additionalProperties: false },
      ),
    ),
    PriceSet: {
      versions: [
        Type.Object({ euros: Type.Number() }, { $id: 'test.PriceSet.v1' }),
        Type.Object({ cents: Type.Integer() }, { $id: 'test.PriceSet.v2' }),
        Type.Object(
          { cents: Type.Integer(), currency: Type.String() },
          { $id: 'test.PriceSet.v3' },
        ),
      ] as const,
      upcasters: [
        ({ euros }: { readonly euros?: unknown }) => ({ cents: Math.round(Number(euros) * 100) }),
        (data: object) => ({ ...data, currency: 'EUR' }),
      ],
    },
  },
}
const codec = createEventCodec({ now: () => new Date('2026-01-02T03:04:05.678Z'), catalogue })
const context = { tenantId: 'acme', actorId: 'ann', correlationId: 'run-1', causationId: 'req-1' }
const stream = 'thing-acme.1'
const id = '0b8f0b4e-7d3e-4c5a-9a53-6a2f6f0f9a11'
const thing = (anything: unknown, more: object = {}) => ({
  id,
  type: 'ThingHappened',
  data: { anything, ...more },
})
const stored = { id, type: 'ThingHappened', stream, revision: 4n, position: 9n }

t.test('an event becomes two texts: its data, and CloudEvents attributes', async (t) => {
  t.same(codec.encode(stream, [thing({ b: 1, a: [true, null] })], context), [
    {
      id,
      type: 'ThingHappened',
      data: '{"anything":{"b":1,"a":[true,null]}}',
      metadata:
        '{"specversion":"1.0","time":"2026-01-02T03:04:05.678Z","tenantid":"acme","actorid":"ann",' +
        '"correlationid":"run-1","causationid":"req-1","schemaversion":1}',
    },
  ])
})

t.test('any JSON survives encoding and decoding', async () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5, stringUnit: 'binary' }), (value) => {
      const [encoded] = codec.encode(stream, [thing(value)], context)
      if (encoded === undefined) throw new Error('nothing encoded')
      const { data, fault } = codec.decode({ ...stored, ...encoded })
      if (fault !== undefined) throw new Error(fault)
      const expected = JSON.stringify({ anything: value })
      if (JSON.stringify(data) !== expected) throw new Error(`${JSON.stringify(data)} ${expected}`)
    }),
  )
})

t.test('the id is kept in lower case', async (t) => {
  const [encoded] = codec.encode(stream, [{ ...thing(1), id: id.toUpperCase() }], context)
  t.equal(encoded?.id, id)
})

t.test('what JSON would drop or change is refused, with its place', async (t) => {
  const loop: Record<string, unknown> = {}
  loop.self = loop
  const nested = JSON.parse('['.repeat(50_000) + ']'.repeat(50_000))
  const refused: readonly [unknown, RegExp][] = [
    [undefined, /"\/anything"/],
    [{ a: [1, undefined] }, /"\/anything\/a\/1"/],
    [{ 'a/b~c': 1n }, /"\/anything\/a~1b~0c"/],
    [Number.NaN, /"\/anything"/],
    [Number.POSITIVE_INFINITY, /"\/anything"/],
    [new Date(), /"\/anything"/],
    [new Map(), /"\/anything"/],
    [() => 1, /"\/anything"/],
    [{ toJSON: () => 'other' }, /"\/anything\/toJSON"/],
    [new Array(2), /"\/anything\/0"/],
    [loop, /too deeply/],
    [nested, /too deeply/],
  ]
  for (const [value, message] of refused) {
    const encode = () => codec.encode(stream, [thing(value)], context)
    t.throws(encode, InvalidEventError)
    t.throws(encode, { message })
  }
})

t.test('data that does not fit its schema is refused, with its place', async (t) => {
  const encode = (more: object) => () => codec.encode(stream, [thing(1, more)], context)
  t.throws(encode({ at: 'yesterday' }), {
    message: /ThingHappened: the data at "\/at" must match format/,
  })
  t.throws(encode({ extra: 1 }), { message: /additional properties: "extra"/ })
  t.throws(() => codec.encode(stream, [{ ...thing(1), data: {} }], context), {
    message: /anything/,
  })
})

t.test('new events have the current version; older formats are no longer accepted', async (t) => {
  const encode = (data: Record<string, unknown>) =>
    codec.encode(stream, [{ id, type: 'PriceSet', data }], context)
  t.match(encode({ cents: 5, currency: 'CHF' }), [{ metadata: /"schemaversion":3/ }])
  t.throws(() => encode({ euros: 5 }), InvalidEventError)
})

t.test('sizes: a megabyte of data for an append, inclusive', async (t) => {
  const ofBytes = (bytes: number) =>
    thing(`${'é'.repeat((bytes - '{"anything":""}'.length - 1) / 2)}x`)
  const [encoded] = codec.encode(stream, [ofBytes(MAX_DATA_BYTES)], context)
  t.equal(Buffer.byteLength(encoded?.data ?? ''), MAX_DATA_BYTES)
  t.throws(() => codec.encode(stream, [ofBytes(MAX_DATA_BYTES + 2)], context), InvalidEventError)
  const half = ofBytes(MAX_DATA_BYTES / 2 + 2)
  t.throws(
    () => codec.encode(stream, [half, { ...half, id: randomUUID() }], context),
    InvalidEventError,
  )
  const longContext = { ...context, correlationId: 'x'.repeat(65_536) }
  t.throws(() => codec.encode(stream, [thing(1)], longContext), { message: /metadata has/ })
})

t.test('appends that no store could keep are refused', async (t) => {
  const refused: readonly [string, readonly ReturnType<typeof thing>[]][] = [
    [stream, []],
    [stream, [thing(1), thing(2)]],
    [stream, [thing(1), { ...thing(2), id: id.toUpperCase() }]],
    [stream, [{ ...thing(1), id: '' }]],
    [stream, [{ ...thing(1), id: '00000000-0000-0000-0000-000000000000' }]],
    [stream, [{ ...thing(1), type: 'NeverHeardOf' }]],
    [stream, [{ ...thing(1), type: '__proto__' }]],
    ['thing-other.1', [thing(1)]],
    ['thing', [thing(1)]],
    ['thing-acme.\0', [thing(1)]],
    ['thing-acme.\ud800', [thing(1)]],
    [`thing-acme.${'x'.repeat(800)}`, [thing(1)]],
  ]
  for (const [name, events] of refused)
    t.throws(
      () => codec.encode(name, events, context),
      InvalidEventError,
      JSON.stringify(name).slice(0, 40),
    )
})

t.test('a stored event is read in its current version and keeps its bytes', async (t) => {
  const [encoded] = codec.encode(stream, [thing('x')], context)
  t.ok(encoded)
  const raw = { data: '{"euros":  12.5}', metadata: encoded?.metadata ?? '' }
  t.same(codec.decode({ ...stored, type: 'PriceSet', ...raw }), {
    ...context,
    eventId: id,
    type: 'PriceSet',
    stream,
    revision: 4n,
    position: 9n,
    time: '2026-01-02T03:04:05.678Z',
    schemaVersion: 1,
    data: { cents: 1_250, currency: 'EUR' },
    raw,
  })
})

t.test('what cannot be read has a fault and never throws', async (t) => {
  const metadata = (version: unknown) => JSON.stringify({ schemaversion: version })
  const faulty = {
    'a newer version': { data: '{}', metadata: metadata(2) },
    'no version': { data: '{}', metadata: '{}' },
    'broken data': { data: '{"anything":', metadata: metadata(1) },
    'data that is no object': { data: '[1]', metadata: metadata(1) },
    'null for data': { data: 'null', metadata: metadata(1) },
    'broken metadata': { data: '{}', metadata: '\0' },
    'metadata that is no object': { data: '{}', metadata: '7' },
  }
  for (const [what, raw] of Object.entries(faulty))
    t.match(
      codec.decode({ ...stored, ...raw }),
      { data: {}, fault: String, raw, tenantId: 'acme' },
      what,
    )
})

t.test('an upcaster that fails is a fault of the event', async (t) => {
  const throwing = createEventCodec({
    now: () => new Date(),
    catalogue: {
      test: {
        Fragile: {
          versions: [Type.Object({}), Type.Object({})],
          upcasters: [
            () => {
              throw new Error('no name')
            },
          ],
        },
      },
    },
  })
  const event = { ...stored, type: 'Fragile', data: '{}', metadata: '{"schemaversion":1}' }
  t.match(throwing.decode(event), { data: {}, fault: 'no name' })
})

t.test('a type that this program does not know is read as stored', async (t) => {
  const event = {
    ...stored,
    type: 'FromTheFuture',
    data: '{"x":1}',
    metadata: '{"schemaversion":9}',
  }
  const { data, fault, schemaVersion } = codec.decode(event)
  t.same({ data, fault, schemaVersion }, { data: { x: 1 }, fault: undefined, schemaVersion: 9 })
})
