import { randomUUID } from 'node:crypto'
import t from 'tap'
import { encodeCursor } from '../../../services/kernel/page.ts'
import { callTool, connectedClient, testGateway } from '../../support/mcp-gateway.ts'
import { waitFor } from '../../support/wait-for.ts'

type Page = {
  readonly items: readonly {
    readonly processId: string
    readonly status: string
    readonly inFlight: number
  }[]
  readonly nextCursor?: string
}

t.test('server processes are listed with what they do now and how they ended', async (t) => {
  const restart = { baseDelayMs: 10, maxDelayMs: 50, windowMs: 60_000, maxFailures: 5 }
  const gateway = await testGateway(t, { projected: true, settings: { restart } })
  const installationId = await gateway.install()
  const key = gateway.key()
  const list = async (query = '', as = key) => {
    const headers = { authorization: `Bearer ${as}` }
    const response = await fetch(`${gateway.url}/v1/gateway/processes${query}`, { headers })
    return (await response.json()) as Page
  }
  t.same(await list(), { items: [] })
  const client = await connectedClient(t, gateway, installationId, key)
  await client.callTool({ name: 'crash', arguments: {} }).catch(() => undefined)
  await callTool(client, 'pid')
  const waiting = new AbortController()
  const hanging = client.callTool({ name: 'hang', arguments: {} }, { signal: waiting.signal })
  const page = await waitFor('both processes', async () => {
    const found = await list()
    return found.items[1]?.status === 'stopped' && found.items[0]?.inFlight === 1 && found
  })
  t.match(page, {
    items: [
      { installationId, status: 'running', sandbox: 'none', inFlight: 1 },
      { installationId, status: 'stopped', stopReason: 'exited', exitCode: 7, inFlight: 0 },
    ],
  })
  const first = await list('?limit=1')
  t.equal(first.items.length, 1)
  t.match(await list(`?limit=1&cursor=${first.nextCursor}`), {
    items: [{ processId: page.items[1]?.processId }],
  })
  t.match(await list('?cursor=nonsense'), { code: 'bad-cursor' })
  const instant = '2026-01-02T03:04:05.000Z'
  for (const key of [
    ['x', 'y'],
    ['2026-13-02T03:04:05.000Z', randomUUID()],
    ['+012026-01-02T03:04:05.000Z', randomUUID()],
    [instant, 'y'],
  ])
    t.match(await list(`?cursor=${encodeCursor(key)}`), { code: 'bad-cursor' }, key.join())
  t.same(await list('', gateway.key('other')), { items: [] })
  waiting.abort()
  await t.rejects(hanging)
})
