import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import t from 'tap'
import { Type } from 'typebox'
import { problem } from '../../../services/kernel/problem.ts'
import {
  EventStoreUnavailableError,
  RevisionConflictError,
} from '../../../services/ports/event-store.ts'
import { testApp } from '../../support/app.ts'
import { waitFor } from '../../support/wait-for.ts'

const Thing = Type.Object(
  { name: Type.String({ minLength: 1 }), count: Type.Optional(Type.Integer()) },
  { additionalProperties: false },
)

const things: FastifyPluginAsyncTypebox = async (app) => {
  const write = { access: 'sources:write' } as const
  app.post('/v1/things', { schema: { body: Thing }, config: write }, async (request) => ({
    ...request.body,
    by: request.actor.actorId,
    position: '7',
  }))
  app.post('/v1/ping', { config: write }, async () => ({ pong: true }))
  app.get(
    '/v1/things',
    {
      schema: { querystring: Type.Object({ limit: Type.Integer({ maximum: 100 }) }) },
      config: { access: 'catalogue:read' },
    },
    async (request) => ({ limit: request.query.limit }),
  )
  const places = {
    id: Type.Optional(Type.String({ format: 'uuid' })),
    at: Type.Optional(Type.String({ format: 'date-time' })),
  }
  app.get(
    '/v1/places',
    { schema: { querystring: Type.Object(places) }, config: { access: 'catalogue:read' } },
    async ({ query }) => query,
  )
  app.get('/health/live', { config: { access: 'anyone' } }, async () => ({ status: 'live' }))
  app.get('/v0.1/open', { config: { access: 'public-catalogue' } }, async (request) => ({
    tenant: request.actor.tenantId,
  }))
  app.get<{ Params: { fault: string } }>(
    '/v1/faults/:fault',
    { config: { access: 'anyone' } },
    async ({ params }) => {
      throw faults[params.fault] ?? new Error('secret detail')
    },
  )
}

const faults: Readonly<Record<string, Error>> = {
  conflict: new RevisionConflictError('s', 1n, 2n),
  store: new EventStoreUnavailableError('down'),
  database: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
  full: Object.assign(new Error('could not extend file'), { code: '53100' }),
  storeFull: new EventStoreUnavailableError('append', {
    cause: Object.assign(new Error('could not extend file'), { code: '53100' }),
  }),
  stopped: Object.assign(new Error('terminating'), { code: '57P01' }),
  refused: problem(429, 'too-many', 'Too many.'),
}

const json = { 'content-type': 'application/json' }

t.test('a route that does not state its access stops the start', async (t) => {
  const undeclared: FastifyPluginAsyncTypebox = async (app) => {
    app.get('/v1/forgotten', async () => 'x')
  }
  await t.rejects(testApp(t, undeclared), /does not state its config.access/)
})

t.test('a body that does not fit gives 422 and says where', async (t) => {
  const { inject } = await testApp(t, things)
  const answer = await inject({
    method: 'POST',
    url: '/v1/things',
    payload: { count: '5', extra: 1 },
  })
  t.equal(answer.statusCode, 422)
  t.match(answer.headers['content-type'], 'application/problem+json')
  const { code, errors } = answer.json()
  t.equal(code, 'invalid-body')
  t.same(errors.map(({ pointer }: { pointer: string }) => pointer).sort(), [
    '/body/count',
    '/body/extra',
    '/body/name',
  ])
})

t.test('parameters are read as what the schema wants, or refused with 400', async (t) => {
  const { inject } = await testApp(t, things)
  t.same((await inject({ url: '/v1/things?limit=5' })).json(), { limit: 5 })
  const wrong = await inject({ url: '/v1/things?limit=many' })
  t.equal(wrong.statusCode, 400)
  t.match(wrong.json(), { code: 'invalid-parameters', errors: [{ pointer: '/querystring/limit' }] })
})

t.test('an id has one spelling, and a time is one that there is', async (t) => {
  const { inject } = await testApp(t, things)
  const id = 'abcdef01-1111-4111-8111-111111111111'
  const right = [`id=${id}`, 'at=2016-12-31T23:59:59Z', 'at=2026-01-01T01:00:00.5%2B01:00']
  const wrong = [
    `id=urn:uuid:${id}`,
    `id=${id.toUpperCase()}`,
    `id=${id}%0a`,
    'at=2016-12-31T23:59:60Z',
    'at=2026-02-30T00:00:00Z',
  ]
  for (const query of right)
    t.equal((await inject({ url: `/v1/places?${query}` })).statusCode, 200, query)
  for (const query of wrong)
    t.match((await inject({ url: `/v1/places?${query}` })).json(), {
      status: 400,
      code: 'invalid-parameters',
    })
})

t.test('what is not a JSON document is refused by name', async (t) => {
  const { inject } = await testApp(t, things)
  const post = (payload: string | Buffer, headers: Record<string, string> = json) =>
    inject({ method: 'POST', url: '/v1/things', payload, headers })
  for (const [payload, status, code] of [
    ['{"name":', 400, 'malformed-json'],
    ['', 400, 'malformed-json'],
    [Buffer.from([0x22, 0xff, 0x22]), 400, 'malformed-json'],
    ['{"name":"a","__proto__":{"admin":true}}', 400, 'forbidden-member'],
    ['{"name":"a","x":[{"constructor":{"prototype":{}}}]}', 400, 'forbidden-member'],
    [`${'['.repeat(65)}${']'.repeat(65)}`, 400, 'json-too-deep'],
    [`${'['.repeat(400_000)}${']'.repeat(400_000)}`, 400, 'json-too-deep'],
    [`[${'1,'.repeat(100_000)}1]`, 400, 'json-too-large'],
    [`"${'x'.repeat(1024 * 1024)}"`, 413, 'body-too-large'],
    ['null', 422, 'invalid-body'],
  ] as const) {
    const answer = await post(payload)
    t.same([answer.statusCode, answer.json().code], [status, code], String(payload).slice(0, 40))
  }
  for (const type of ['text/plain', 'application/xml', 'application/json\tx', 'garbage']) {
    const answer = await post('{"name":"a"}', { 'content-type': type })
    t.same([answer.statusCode, answer.json().code], [415, 'unsupported-media-type'], type)
  }
})

t.test('a command without a body may still call itself JSON', async (t) => {
  const { inject } = await testApp(t, things)
  t.equal((await inject({ method: 'POST', url: '/v1/ping', headers: json })).statusCode, 200)
})

t.test("a command's position is a header too", async (t) => {
  const { inject } = await testApp(t, things)
  const answer = await inject({ method: 'POST', url: '/v1/things', payload: { name: 'a' } })
  t.equal(answer.headers['tidemark-position'], '7')
  t.same(answer.json(), { name: 'a', by: 'tester', position: '7' })
})

t.test('faults become problems that say nothing of the inside', async (t) => {
  const { inject } = await testApp(t, things)
  for (const [fault, status, code] of [
    ['conflict', 409, 'conflict'],
    ['store', 503, 'unavailable'],
    ['database', 503, 'unavailable'],
    ['stopped', 503, 'unavailable'],
    ['full', 507, 'disk-full'],
    ['storeFull', 507, 'disk-full'],
    ['refused', 429, 'too-many'],
    ['other', 500, 'internal'],
  ] as const) {
    const answer = await inject({ url: `/v1/faults/${fault}` }, null)
    t.same([answer.statusCode, answer.json().code], [status, code])
    t.notMatch(answer.body, /secret|at .*\.ts/)
    t.equal(answer.headers['retry-after'] !== undefined, status === 503, `${fault}: retry-after`)
    t.equal(answer.json().traceId, answer.headers['x-correlation-id'])
  }
})

t.test('a process that does not keep up refuses, says when to come again, and lives', async (t) => {
  const { app, inject } = await testApp(t, things)
  await app.ready()
  const until = performance.now() + 2_500
  while (performance.now() < until);
  const answer = await waitFor('it to notice', async () => {
    const given = await inject({ url: '/v1/things?limit=1' })
    return given.statusCode === 503 && given
  })
  t.equal((await inject({ url: '/health/live' }, null)).statusCode, 200)
  t.match(answer.headers['content-type'], /^application\/problem\+json/)
  t.match(answer.json(), { status: 503, code: 'overloaded' })
  t.match(answer.headers['retry-after'], /^\d+$/)
  await waitFor('it to recover', async () => {
    const { statusCode } = await inject({ url: '/v1/things?limit=1' })
    return statusCode === 200
  })
})

t.test('no spelling of a path gets around the key', async (t) => {
  const { inject } = await testApp(t, things)
  for (const url of [
    '/v1/things?limit=1',
    '//v1/things?limit=1',
    '/v1/things/?limit=1',
    '/v1/things;x?limit=1',
    '/v1%2fthings?limit=1',
    '/V1/things?limit=1',
    '/v1/./things?limit=1',
    '/v1/x/../things?limit=1',
    '/v1/things?limit=1&key=key-0',
  ]) {
    const answer = await inject({ url }, null)
    t.ok([401, 404].includes(answer.statusCode), `${url}: ${answer.statusCode}`)
    t.match(answer.headers['content-type'], 'application/problem+json')
  }
  t.equal((await inject({ url: '/v1/%zz' }, null)).json().code, 'malformed-url')
})

t.test('the public catalogue has CORS for reading, nothing else has', async (t) => {
  const anonymous = {
    tenantId: 'default',
    actorId: 'anonymous',
    scopes: ['catalogue:read'],
  } as const
  const { inject } = await testApp(t, things, { anonymous })
  const origin = 'https://elsewhere.example'
  const open = await inject({ url: '/v0.1/open', headers: { origin } }, null)
  t.same(open.json(), { tenant: 'default' })
  t.equal(open.headers['access-control-allow-origin'], '*')
  t.equal(open.headers['access-control-allow-credentials'], undefined)
  const preflight = await inject(
    {
      method: 'OPTIONS',
      url: '/v0.1/open',
      headers: { origin, 'access-control-request-method': 'GET' },
    },
    null,
  )
  t.equal(preflight.statusCode, 204)
  t.equal(preflight.headers['access-control-allow-methods'], 'GET')
  for (const request of [
    { url: '/v1/things?limit=1', headers: { origin } },
    {
      method: 'OPTIONS' as const,
      url: '/v1/things',
      headers: { origin, 'access-control-request-method': 'GET' },
    },
  ]) {
    const closed = await inject(request)
    t.ok(closed.statusCode >= 400)
    t.equal(closed.headers['access-control-allow-origin'], undefined)
  }
})

t.test('a correlation id is taken over when it is well-formed, else made', async (t) => {
  const { inject } = await testApp(t, things)
  const sent = async (headers: Record<string, string>) =>
    (await inject({ url: '/v1/faults/x', headers }, null)).headers['x-correlation-id']
  t.equal(await sent({ 'x-correlation-id': 'order-17' }), 'order-17')
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  t.equal(await sent({ traceparent: `00-${trace}-00f067aa0ba902b7-01` }), trace)
  for (const bad of ['a b', 'x'.repeat(129), '', 'a\u0001b'])
    t.match(await sent({ 'x-correlation-id': bad }), /^[0-9a-f-]{36}$/)
})
