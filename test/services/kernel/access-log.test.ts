import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import t from 'tap'
import type { Logger } from '../../../services/ports/logger.ts'
import { testApp } from '../../support/app.ts'

type Line = Record<string, unknown> & { readonly level: string; readonly message: string }

function recording() {
  const lines: Line[] = []
  const log = (level: string) => (fields: object, message: string) => {
    lines.push({ ...fields, level, message })
  }
  const logger: Logger = {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
  }
  return { lines, logger }
}

const routes: FastifyPluginAsyncTypebox = async (app) => {
  const config = { access: 'anyone' } as const
  app.get('/v1/things/:id', { config }, async () => 'thing')
  app.get('/health/live', { config }, async () => 'live')
  app.get('/v1/broken', { config }, async () => {
    throw new Error('cause')
  })
}

t.test('a request is one line: no header, no query, no line break of its own', async (t) => {
  const { lines, logger } = recording()
  const { inject } = await testApp(t, routes, { logger })
  await inject({
    url: '/v1/things/a%0d%0aforged?key=secret',
    headers: { authorization: 'Bearer secret', 'x-correlation-id': 'c-1' },
  })
  t.match(lines, [
    {
      level: 'info',
      message: 'Request.',
      correlationId: 'c-1',
      method: 'GET',
      path: '/v1/things/a%0d%0aforged',
      status: 200,
    },
  ])
  t.notMatch(JSON.stringify(lines), /secret|\\r|\\n/)
})

t.test('the probes of a platform do not fill the log', async (t) => {
  const { lines, logger } = recording()
  const { inject } = await testApp(t, routes, { logger })
  await inject({ url: '/health/live' })
  t.match(lines, [{ level: 'debug' }])
})

t.test('a fault is logged with its cause, under the id that the caller was given', async (t) => {
  const { lines, logger } = recording()
  const { inject } = await testApp(t, routes, { logger })
  const answer = await inject({ url: '/v1/broken' })
  const fault = lines.find(({ level }) => level === 'error')
  t.match(fault, { err: { message: 'cause' }, correlationId: answer.json().traceId })
})
