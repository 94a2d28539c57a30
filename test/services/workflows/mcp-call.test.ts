import t from 'tap'
import type { Json } from '../../../domain/kernel/json.ts'
import { createDirectCalls } from '../../../services/gateway/direct-calls.ts'
import { silent } from '../../../services/ports/logger.ts'
import { noMetrics } from '../../../services/ports/metrics.ts'
import { createMcpCall } from '../../../services/workflows/mcp-call.ts'
import { testGateway } from '../../support/mcp-gateway.ts'
import { waitFor } from '../../support/wait-for.ts'

t.test('a run calls the tools of installed servers as its owner', async (t) => {
  const { events, install, processes, usage } = await testGateway(t)
  const now = () => new Date()
  const mcp = createMcpCall(
    createDirectCalls({ processes, usage, now, logger: silent, metrics: noMetrics }),
  )
  const installationId = await install()
  const call = (members: { readonly [member: string]: Json }, tenantId = 'acme') =>
    mcp(members, {
      ...{ input: {}, idempotencyKey: 'key-1', signal: new AbortController().signal },
      owner: { tenantId, actorId: 'key:owner' },
    })
  const to = (endpoint: string) => ({ transport: { http: { endpoint } } })
  const here = to(`http://tidemark/mcp/${installationId}`)
  const echo = { method: 'tools/call', parameters: { name: 'echo', arguments: { marker: 'm' } } }

  t.match(await call({ ...here, ...echo }), { output: { content: [{ text: 'm' }] } })
  t.match(await call({ ...here, method: 'prompts/list' }), {
    output: { prompts: [{ name: 'greet' }] },
  })
  const [called] = await waitFor('the call to be recorded', async () => {
    const found = await events('ToolCalled')
    return found.length > 0 && found
  })
  t.match(called, { actorId: 'key:owner', data: { tool: 'echo', outcome: 'ok' } })

  t.match(await call({ ...here, ...echo }, 'other'), { error: { status: 404 } })
  const elsewhere = to(`https://example.org/mcp/${installationId}`)
  t.match(await call({ ...elsewhere, ...echo }), { error: { type: /configuration$/ } })
  t.match(await call({ ...here, method: 'sampling/createMessage' }), { error: { status: 400 } })
  const unknown = { method: 'tools/call', parameters: { name: 'no-such-tool', arguments: {} } }
  t.match(await call({ ...here, ...unknown }), { error: { type: /communication$/ } })
})
