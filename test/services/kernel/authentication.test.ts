import t, { type Test } from 'tap'
import type { Actor } from '../../../services/kernel/actor.ts'
import type { Authenticator } from '../../../services/kernel/authentication.ts'
import { createHttpApp } from '../../../services/kernel/http-app.ts'
import type { OriginPolicy } from '../../../services/kernel/origin-check.ts'
import { silent } from '../../../services/ports/logger.ts'
import { noMetrics } from '../../../services/ports/metrics.ts'

const actor: Actor = { tenantId: 'acme', actorId: 'key:a', scopes: ['catalogue:read'] }

async function app(t: Test, authenticator: Partial<Authenticator> = {}, origins?: OriginPolicy) {
  const app = await createHttpApp({
    authenticator: {
      byKey: async (key) => (key === 'right' ? actor : undefined),
      anonymous: async () => undefined,
      ...authenticator,
    },
    freshness: {
      reached: async () => 0n,
      waitFor: async () => true,
      standingStill: async () => [],
    },
    logger: silent,
    metrics: noMetrics,
    ...(origins === undefined ? {} : { origins }),
  })
  t.teardown(() => app.close())
  app.get('/v1/mine', { config: { access: 'catalogue:read' } }, async (request) => request.actor)
  app.get('/v1/anybody', { config: { access: 'any-key' } }, async (request) => request.actor)
  app.get('/v1/operators', { config: { access: 'operations:read' } }, async () => 'secret')
  app.get('/v0.1/open', { config: { access: 'public-catalogue' } }, async () => 'open')
  app.get('/health/live', { config: { access: 'anyone' } }, async () => 'live')
  app.get('/v1/mistake', { config: { access: 'anyone' } }, async (request) => request.actor)
  return (url: string, headers: Record<string, string> = {}) => app.inject({ url, headers })
}

t.test('a key is taken from the header, in both forms, and says who it is', async (t) => {
  const get = await app(t)
  for (const headers of [
    { authorization: 'Bearer right' },
    { authorization: 'bearer   right' },
    { 'x-api-key': 'right' },
    { 'sec-websocket-protocol': 'cloudevents.json, tidemark.key.right' },
  ])
    t.same((await get('/v1/mine', headers)).json(), actor)
})

t.test('without a valid key there is a 401 that says how to send one', async (t) => {
  const get = await app(t)
  for (const headers of [
    {},
    { authorization: 'Bearer wrong' },
    { authorization: 'Basic cmlnaHQ=' },
    { authorization: 'right' },
    { authorization: 'Bearer' },
    { authorization: 'Bearer right right' },
    { authorization: `Bearer ${'x'.repeat(300)}` },
    { authorization: 'Basic eA==', 'x-api-key': 'right' },
    { 'x-api-key': '' },
    { 'sec-websocket-protocol': 'tidemark.key., right' },
    { 'sec-websocket-protocol': 'tidemark.key.wrong, tidemark.key.right' },
    { authorization: 'Basic eA==', 'sec-websocket-protocol': 'tidemark.key.right' },
    { cookie: 'key=right' },
  ]) {
    const answer = await get('/v1/mine?key=right&access_token=right', headers)
    t.same([answer.statusCode, answer.json().code], [401, 'unauthenticated'])
    t.match(answer.headers['www-authenticate'], /^Bearer/)
  }
})

t.test('a key without the scope gets a 403 that names it', async (t) => {
  const get = await app(t)
  const answer = await get('/v1/operators', { authorization: 'Bearer right' })
  t.same([answer.statusCode, answer.json().code], [403, 'missing-scope'])
  t.match(answer.json().detail, 'operations:read')
  t.equal((await get('/v1/anybody', { authorization: 'Bearer right' })).statusCode, 200)
})

t.test('when keys cannot be checked nobody gets in', async (t) => {
  const fail = async () => {
    throw new Error('database down: postgres://user:secret@host')
  }
  const get = await app(t, { byKey: fail, anonymous: fail })
  for (const [url, headers] of [
    ['/v1/mine', { authorization: 'Bearer right' }],
    ['/v0.1/open', {}],
  ] as const) {
    const answer = await get(url, headers)
    t.same([answer.statusCode, answer.json().code], [503, 'authentication-unavailable'])
    t.ok(answer.headers['retry-after'])
    t.notMatch(answer.body, /secret/)
  }
  t.equal((await get('/health/live')).statusCode, 200)
})

t.test('a wrong key does not fall back to what is public', async (t) => {
  const get = await app(t, { anonymous: async () => actor })
  t.equal((await get('/v0.1/open')).statusCode, 200)
  t.equal((await get('/v0.1/open', { authorization: 'Bearer wrong' })).statusCode, 401)
})

t.test('a route that anyone may use has no actor to act as', async (t) => {
  const get = await app(t)
  t.equal((await get('/v1/mistake', { authorization: 'Bearer right' })).statusCode, 401)
})

t.test('another name in Host, or a page of another origin, is refused', async (t) => {
  const allowedHosts = ['localhost', '127.0.0.1', '[::1]']
  const get = await app(t, {}, { allowedHosts, allowedOrigins: ['https://console.example'] })
  const key = { authorization: 'Bearer right' }
  for (const host of ['localhost', 'LOCALHOST:7420', '127.0.0.1:7420', '[::1]:7420'])
    t.equal((await get('/v1/mine', { ...key, host })).statusCode, 200, host)
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.nip.io:7420',
    'localhost:x',
  ])
    t.same([(await get('/v1/mine', { ...key, host })).json().code, host], ['unknown-host', host])
  const from = async (origin: string) =>
    (await get('/v1/mine', { ...key, host: 'localhost:7420', origin })).statusCode
  t.equal(await from('http://localhost:7420'), 200)
  t.equal(await from('https://console.example'), 200)
  for (const origin of ['http://localhost:9999', 'https://evil.example', 'null', ''])
    t.equal(await from(origin), 403, origin)
})
