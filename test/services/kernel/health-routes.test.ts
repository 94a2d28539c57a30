import t, { type Test } from 'tap'
import { type HealthResult, healthRoutes } from '../../../services/kernel/health-routes.ts'
import { testApp } from '../../support/app.ts'

async function health(
  t: Test,
  checks: Record<string, () => Promise<HealthResult>>,
  isStopping = () => false,
) {
  const { inject } = await testApp(t, healthRoutes({ checks, sandbox: 'none', isStopping }))
  return (url: string) => inject({ url }, null)
}

t.test('ready when every check passes, and it says how servers are run', async (t) => {
  const ask = await health(t, { store: async () => ({ ok: true, detail: 'position 7' }) })
  const answer = await ask('/health/ready')
  t.equal(answer.statusCode, 200)
  t.same(answer.json(), {
    status: 'ready',
    sandbox: 'none',
    checks: { store: { ok: true, detail: 'position 7' } },
  })
})

t.test('one check that fails, throws or hangs makes it 503, and names the check', async (t) => {
  const ask = await health(t, {
    fails: async () => ({ ok: false, detail: '9 events behind' }),
    throws: async () => {
      throw new Error('postgres://user:secret@host')
    },
    hangs: () => new Promise(() => {}),
  })
  const answer = await ask('/health/ready')
  t.equal(answer.statusCode, 503)
  t.ok(answer.headers['retry-after'])
  t.same(answer.json().checks, {
    fails: { ok: false, detail: '9 events behind' },
    throws: { ok: false, detail: 'not reachable' },
    hangs: { ok: false, detail: 'no answer' },
  })
  t.equal((await ask('/health/live')).statusCode, 200, 'the process itself lives')
})

t.test('a stopping process is not ready, at once', async (t) => {
  let stopping = false
  const ask = await health(t, { store: async () => ({ ok: true }) }, () => stopping)
  t.equal((await ask('/health/ready')).statusCode, 200)
  stopping = true
  const answer = await ask('/health/ready')
  t.same([answer.statusCode, answer.json().status], [503, 'stopping'])
})
