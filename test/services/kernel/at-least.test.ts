import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import t from 'tap'
import { Type } from 'typebox'
import type { ReadFreshness } from '../../../services/ports/read-freshness.ts'
import { testApp } from '../../support/app.ts'

const strict = Type.Object({ deep: Type.Optional(Type.Boolean()) }, { additionalProperties: false })

const things: FastifyPluginAsyncTypebox = async (app) => {
  const config = { access: 'catalogue:read' } as const
  app.get('/v1/things', { schema: { querystring: strict }, config }, async () => 'v1')
  app.get('/v0.1/things', { schema: { querystring: strict }, config }, async () => 'v0.1')
  app.post('/v1/things', { config }, async () => 'posted')
  app.get('/health', { config }, async () => 'health')
}

function waiting(reached: bigint, standing: readonly string[] = []) {
  const waits: [bigint, number][] = []
  const freshness: ReadFreshness = {
    reached: async () => reached,
    standingStill: async () => standing,
    async waitFor(position, timeoutMs) {
      waits.push([position, timeoutMs])
      return position <= reached
    },
  }
  return { waits, freshness }
}

t.test('a read waits for the position that it names', async (t) => {
  const { waits, freshness } = waiting(10n)
  const { inject } = await testApp(t, things, { freshness })
  for (const url of ['/v1/things?atLeast=10', '/v0.1/things?deep=true&atLeast=9'])
    t.equal((await inject({ url })).statusCode, 200)
  await inject({ url: '/v1/things?atLeast=8&atLeastTimeoutMs=50' })
  await inject({ url: '/v1/things', headers: { 'tidemark-at-least': '7' } })
  t.same(waits, [
    [10n, 5_000],
    [9n, 5_000],
    [8n, 50],
    [7n, 5_000],
  ])
})

t.test('a read that does not get there in time says so', async (t) => {
  const { inject } = await testApp(t, things, { freshness: waiting(10n).freshness })
  const answer = await inject({ url: '/v1/things?atLeast=11&atLeastTimeoutMs=1' })
  t.same([answer.statusCode, answer.json().code], [504, 'read-model-behind'])
  t.ok(answer.headers['retry-after'])
})

t.test('a read model that stands still is named by the answer', async (t) => {
  const { freshness } = waiting(10n, ['usage', 'catalogue'])
  const { inject } = await testApp(t, things, { freshness })
  const answer = await inject({ url: '/v1/things?atLeast=10' })
  t.match(answer, { statusCode: 200, headers: { 'tidemark-standing-still': 'usage, catalogue' } })
})

t.test('what is no position or no time is refused, and nothing is waited for', async (t) => {
  const { waits, freshness } = waiting(10n)
  const { inject } = await testApp(t, things, { freshness })
  for (const query of [
    'atLeast=x',
    'atLeast=-1',
    'atLeast=',
    'atLeast=1.5',
    'atLeast=99999999999999999999',
    'atLeast=9223372036854775808',
    'atLeast=1&atLeast=2',
    'atLeast=1&atLeastTimeoutMs=30001',
    'atLeast=1&atLeastTimeoutMs=-1',
    'atLeast=1&atLeastTimeoutMs=soon',
  ]) {
    const answer = await inject({ url: `/v1/things?${query}` })
    t.same([answer.statusCode, answer.json().code], [400, 'invalid-parameters'], query)
  }
  t.same(waits, [])
})

t.test('only reads of the API wait, and only for those who may read', async (t) => {
  const { waits, freshness } = waiting(0n)
  const { inject } = await testApp(t, things, { freshness })
  t.equal((await inject({ method: 'POST', url: '/v1/things?atLeast=5' })).statusCode, 200)
  t.equal((await inject({ url: '/health?atLeast=5' })).statusCode, 200)
  t.equal((await inject({ url: '/v1/things?atLeast=5' }, null)).statusCode, 401)
  t.same(waits, [])
})
