import t, { type Test } from 'tap'
import { commandLine } from '../../scripts/stack/processes.ts'
import { servingProcesses } from '../../services/kernel/addresses.ts'
import { emptyDatabase } from '../support/database.ts'
import { installFake } from '../support/installed-fake.ts'
import { beginSession, callInSession, callStateless, textOf } from '../support/mcp-calls.ts'
import { freshNats } from '../support/nats.ts'
import { newDataDirectory, startTidemark, type TidemarkProcess } from '../support/program.ts'
import { waitFor } from '../support/wait-for.ts'

t.setTimeout(120_000)

const database = await emptyDatabase(t)
const nats = await freshNats(t)
const dataDirectory = newDataDirectory(t)

async function started(t: Test) {
  const tidemark = await startTidemark(t, {
    ...{ databaseUrl: database.appUrl, databaseOwnerUrl: database.ownerUrl },
    ...{ natsUrl: nats.url, dataDirectory },
    environment: { SANDBOX: 'none', DRAIN_DELAY_MS: '700' },
  })
  const { installationId } = await installFake(database.appUrl, dataDirectory)
  const pid = Number(await textOf(callStateless(tidemark, installationId, 'pid')))
  return { tidemark, installationId, pid }
}

const inFlight = (tidemark: TidemarkProcess, count: number) =>
  waitFor('the call to be under way', async () => {
    const { items } = await tidemark.json<{ items: readonly { inFlight: number }[] }>(
      '/v1/gateway/processes',
    )
    return items.reduce((sum, each) => sum + each.inFlight, 0) === count
  })

const saysThatItStops = (tidemark: TidemarkProcess) =>
  waitFor('it to say that it stops', async () => {
    const answer = await tidemark.request('/health/ready', { key: null })
    return answer.status === 503 && answer
  })

t.test('asked to stop it says so, finishes what it does, and leaves nothing', async (t) => {
  const { tidemark, installationId, pid } = await started(t)
  const events = await tidemark.request('/v1/events/stream')
  const session = await beginSession(tidemark, installationId)
  const news = await tidemark.request(`/mcp/${installationId}`, {
    headers: { ...session, accept: 'text/event-stream' },
  })
  let answered = false
  const slow = { ms: 3_000, marker: 'in time' }
  const stateless = callStateless(tidemark, installationId, 'slow', slow)
  const inSession = callInSession(tidemark, installationId, session, 'slow', slow)
  void Promise.race([stateless, inSession]).then(() => {
    answered = true
  })
  await inFlight(tidemark, 2)

  tidemark.signal('SIGTERM')
  const ready = await saysThatItStops(tidemark)
  t.match(await ready.json(), { status: 'stopping' })
  t.ok(ready.headers.get('retry-after'))
  t.equal(ready.headers.get('connection'), 'close', 'the next connection is to go elsewhere')
  const late = await tidemark.request('/v1/whoami')
  t.equal(late.status, 200, 'who has not heard of it yet is served')
  const isFound = () => servingProcesses(dataDirectory).length > 0
  await waitFor('programs of this machine not to find it any more', () => !isFound(), 2_000)
  t.equal(answered, false, 'all that while the calls were under way')

  for (const call of [stateless, inSession]) {
    t.equal((await call).status, 200)
    t.equal(await textOf(call), 'in time')
  }
  t.match(await events.text(), /retry: \d+\n\n$/, 'the stream says when to connect again')
  t.match(await news.text(), /retry: \d+\n\n$/)
  t.same(await tidemark.exited, { code: 0, signal: null })
  await waitFor('the MCP server to end', () => commandLine(pid) === '')
})

t.test('asked twice it ends at once, and says that something was not finished', async (t) => {
  const { tidemark, installationId, pid } = await started(t)
  callStateless(tidemark, installationId, 'hang').catch(() => {})
  await inFlight(tidemark, 1)
  tidemark.signal('SIGTERM')
  await saysThatItStops(tidemark)
  tidemark.signal('SIGTERM')
  t.same(await tidemark.exited, { code: 1, signal: null })
  await waitFor('the MCP server to end with it', () => commandLine(pid) === '')
})
