import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import t from 'tap'
import { Type } from 'typebox'
import { describeApi } from '../../../services/kernel/openapi.ts'
import { testApp } from '../../support/app.ts'

const described: FastifyPluginAsyncTypebox = async (app) => {
  await describeApi(app, '1.2.3')
  app.get(
    '/v1/things/:id',
    {
      schema: {
        summary: 'A thing',
        params: Type.Object({ id: Type.String() }),
        querystring: Type.Object({ deep: Type.Optional(Type.Boolean()) }),
        response: { 200: Type.Object({ name: Type.String() }) },
      },
      config: { access: 'catalogue:read' },
    },
    async () => ({ name: 'x' }),
  )
  app.get('/v0.1/open', { schema: {}, config: { access: 'public-catalogue' } }, async () => 'x')
}

t.test('the document comes from the routes: security, problems, freshness', async (t) => {
  const { inject } = await testApp(t, described)
  const answer = await inject({ url: '/openapi.json' }, null)
  t.equal(answer.statusCode, 200)
  const document = answer.json()
  t.match(document, { openapi: '3.1.0', info: { title: 'Tidemark', version: '1.2.3' } })
  const thing = document.paths['/v1/things/{id}'].get
  t.same(thing.security, [{ bearer: [] }, { apiKey: [] }])
  t.match(thing.description, 'catalogue:read')
  t.same(thing.parameters.map(({ name }: { name: string }) => name).sort(), [
    'atLeast',
    'atLeastTimeoutMs',
    'deep',
    'id',
  ])
  t.same(thing.responses.default.content['application/problem+json'].schema, {
    $ref: '#/components/schemas/Problem',
  })
  t.ok(document.components.schemas.Problem.properties.code)
  t.same(document.paths['/v0.1/open'].get.security[0], {}, 'the public catalogue needs no key')
  t.same(Object.keys(document.paths), ['/v1/things/{id}', '/v0.1/open'])
})

t.test('the page loads nothing from elsewhere', async (t) => {
  const { inject } = await testApp(t, described)
  const page = await inject({ url: '/docs' }, null)
  t.equal(page.statusCode, 200)
  t.match(page.headers['content-security-policy'], /default-src 'none'; script-src 'self';/)
  const own = /(?:src|href)="(\/docs\/static\/[^"]+)"/g
  const parts = [...page.body.matchAll(own)].map(([, url]) => url ?? '')
  t.ok(parts.length >= 5)
  t.notMatch(page.body.replaceAll(own, ''), /(src|href)=|https?:|\/\//)
  for (const url of parts) t.equal((await inject({ url }, null)).statusCode, 200, url)
  const start = await inject({ url: '/docs/static/swagger-initializer.js' }, null)
  t.match(start.body, '"validatorUrl":null')
  const code = start.body.replaceAll(/^\s*\/\/.*$/gm, '')
  t.notMatch(code, /https?:\/\//)
})
