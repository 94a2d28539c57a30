import t from 'tap'
import { v4 as newUuid } from 'uuid'
import { customStream } from '../../../domain/custom/custom-type.ts'
import { customCommands } from '../../../services/custom/platform-commands.ts'
import { customRoutes } from '../../../services/custom/routes.ts'
import { toCloudEvent } from '../../../services/kernel/cloud-event.ts'
import { testApp } from '../../support/app.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'

const { store } = await freshPostgresStore(t)
const now = () => new Date('2026-01-02T03:04:05.000Z')
const { inject } = await testApp(t, customRoutes({ store, now }))

const invoice = {
  type: 'object',
  properties: { amount: { type: 'number', minimum: 0 } },
  required: ['amount'],
  additionalProperties: false,
}

async function post(url: string, payload: object, headers: Record<string, string> = {}) {
  const response = await inject({ method: 'POST', url, payload, headers })
  return { status: response.statusCode, body: response.json() }
}

const register = (name: string, schema: object) => post('/v1/custom-events/types', { name, schema })
const emit = (payload: object, key?: string) =>
  post('/v1/custom-events', payload, key === undefined ? {} : { 'idempotency-key': key })

async function emitted(name: string) {
  const events = []
  for await (const event of store.readStream(customStream('acme', name))) events.push(event)
  return events
}

t.test('an event of a registered type is emitted once for each idempotency key', async (t) => {
  t.match(await register('InvoicePaid', invoice), { status: 200, body: { version: 1 } })
  t.match(await register('InvoicePaid', invoice), { body: { version: 1 } })
  const event = { name: 'InvoicePaid', subject: 'customer-17', data: { amount: 5 } }
  const first = await emit(event, 'a')
  t.match(first, { status: 201, body: { type: 'custom.InvoicePaid' } })
  t.same(await emit(event, 'a'), first)
  const [recorded, ...more] = await emitted('InvoicePaid')
  t.same(more, [])
  t.match(recorded && toCloudEvent(recorded), {
    type: 'custom.InvoicePaid',
    source: '/tidemark/custom',
    data: { name: 'InvoicePaid', version: 1, subject: 'customer-17', data: { amount: 5 } },
  })
})

t.test('data that does not fit, and types that nobody registered, are refused', async (t) => {
  await register('Small', invoice)
  t.match(await emit({ name: 'Small', data: { amount: -1 } }), {
    status: 422,
    body: { code: 'custom-data-invalid', errors: [{ pointer: '/body/data/amount' }] },
  })
  t.match(await emit({ name: 'Unheard', data: {} }), {
    status: 404,
    body: { code: 'custom-type-unknown' },
  })
  t.same(await emitted('Small'), [])
})

t.test('another schema is another version, and holds from then on', async (t) => {
  await register('Grown', invoice)
  t.match(await register('Grown', { type: 'object' }), { body: { version: 2 } })
  t.match(await emit({ name: 'Grown', data: { anything: true } }), { status: 201 })
  t.match((await emitted('Grown'))[0], { data: { version: 2 } })
})

t.test('a schema that is no schema, or could keep a check busy for ever, is refused', async (t) => {
  const doubling = { a: { allOf: [{ $ref: '#/definitions/a' }, { $ref: '#/definitions/a' }] } }
  for (const schema of [
    { type: 'string' },
    { type: 'object', properties: { a: { type: 'no-such-type' } } },
    { type: 'object', noSuchKeyword: 1 },
    { type: 'object', definitions: doubling, allOf: [{ $ref: '#/definitions/a' }] },
    { type: 'object', properties: { a: { type: 'array', uniqueItems: true } } },
    { type: 'object', properties: { a: { type: 'string', pattern: '(' } } },
  ])
    t.match(await register('Bad', schema), { status: 422, body: { code: 'custom-schema-invalid' } })
  const large = { type: 'object', description: 'x'.repeat(40_000) }
  t.match(await register('Bad', large), { body: { code: 'custom-schema-too-large' } })
})

t.test('a pattern takes linear time, whatever it is', async (t) => {
  const text = { type: 'string', pattern: '^(a+)+$' }
  await register('Slow', { type: 'object', properties: { text } })
  const startedAt = performance.now()
  const data = { text: `${'a'.repeat(30_000)}!` }
  t.match(await emit({ name: 'Slow', data }), { status: 422 })
  t.ok(performance.now() - startedAt < 2_000)
})

t.test('a command of a rule emits one event, however often it is given', async (t) => {
  await register('Told', { type: 'object' })
  const [command] = customCommands({ store, now })
  const context = { tenantId: 'acme', actorId: 'key:a', correlationId: 'c', causationId: newUuid() }
  const owed = { ...context, commandId: newUuid() }
  const first = await command?.perform({ name: 'Told', data: { a: 1 } }, owed)
  t.same(await command?.perform({ name: 'Told', data: { a: 1 } }, owed), first)
  t.equal((await emitted('Told')).length, 1)
})
