import t from 'tap'
import { verificationRoutes } from '../../../services/audit/verification-routes.ts'
import { createVerifications } from '../../../services/kernel/verifications.ts'
import { silent } from '../../../services/ports/logger.ts'
import type { ReadModelVerifier } from '../../../services/ports/read-model-verifier.ts'
import { testApp } from '../../support/app.ts'

// The comparison itself is tested where it is made; here is what the answers look like.

const result = {
  identical: false,
  readModels: [
    {
      readModel: 'things',
      verdict: 'different',
      position: 7n,
      parkedStreams: 0,
      stopped: null,
      tables: [
        {
          table: 'things',
          rows: 3,
          differences: 1,
          examples: [{ key: { tenant_id: 'acme', thing_id: '1' }, kind: 'missing' }],
        },
      ],
    },
  ],
} as const

function routes(verifier: ReadModelVerifier) {
  const stopping = new AbortController().signal
  return verificationRoutes(createVerifications({ verifier, logger: silent, stopping }))
}

const request = { method: 'POST', url: '/v1/audit/verifications' } as const
const lines = { ...request, headers: { accept: 'application/x-ndjson' } }

const once: ReadModelVerifier = {
  async verify(_signal, onProgress) {
    onProgress({ events: 5, position: 5n, end: 7n })
    return result
  },
}

const operator = { tenantId: 'default' }

t.test('the answer says for each table how many rows were compared and which differ', async (t) => {
  const { inject } = await testApp(t, routes(once), operator)
  const answer = await inject(request)
  t.equal(answer.statusCode, 200)
  const { durationMs, ...rest } = answer.json()
  t.type(durationMs, 'number')
  t.same(rest, {
    identical: false,
    readModels: [{ ...result.readModels[0], position: '7' }],
  })
})

t.test('on request it tells its progress, line by line', async (t) => {
  const { inject } = await testApp(t, routes(once), operator)
  const answer = await inject(lines)
  const [progress, end] = answer.body
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.same(progress, { progress: { events: 5, position: '5', end: '7' } })
  t.equal(end.result.identical, false)
})

t.test('what breaks on the way is a problem, in both forms', async (t) => {
  const broken: ReadModelVerifier = {
    async verify() {
      throw Object.assign(new Error('secret host'), { code: 'ECONNREFUSED' })
    },
  }
  const { inject } = await testApp(t, routes(broken), operator)
  t.equal((await inject(request)).statusCode, 503)
  const answer = await inject(lines)
  t.match(JSON.parse(answer.body), { problem: { code: 'unavailable' } })
  t.notMatch(answer.body, /secret/)
})

t.test('one runs at a time, and only for operators', async (t) => {
  let finish = () => {}
  const slow: ReadModelVerifier = {
    verify: () =>
      new Promise((resolve) => {
        finish = () => resolve(result)
      }),
  }
  const { inject } = await testApp(t, routes(slow), operator)
  const first = inject(request)
  await new Promise((resolve) => setImmediate(resolve))
  const second = await inject(request)
  t.same([second.statusCode, second.json().code], [409, 'verification-running'])
  finish()
  t.equal((await first).statusCode, 200)
  t.equal((await inject(request, { scopes: ['audit:read'] })).statusCode, 403)
  const foreign = await inject(request, { tenantId: 'acme' })
  t.same([foreign.statusCode, foreign.json().code], [403, 'operator-only'])
})
