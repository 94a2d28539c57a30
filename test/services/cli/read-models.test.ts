import { createServer } from 'node:http'
import t from 'tap'
import { barOf } from '../../../services/cli/read-models.ts'
import { tidemark } from '../../support/cli.ts'

const rebuildId = '11111111-1111-4111-8111-111111111111'
const usage = {
  ...{ readModel: 'usage', version: 1, programVersion: 2, state: 'building', cause: null },
  ...{ position: '9', lag: '0', parkedStreams: 0 },
}
const rebuild = { phase: 'building', events: 500, totalEvents: 2_000, percent: 25 } as const
const running = { ...rebuild, eventsPerSecond: 100, secondsLeft: 15 }
const asked = (status: string, more: object = {}) => ({ rebuildId, status, ...more })
const BAR = '[#####---------------] 25 %, 500 of about 2000 events, 100/s, 15 s left'

/** Answers each request for the list with the next of `lists`, the last one again and again. */
async function serve(lists: readonly object[]): Promise<string> {
  let at = 0
  const server = createServer(({ method, url = '' }, response) => {
    response.setHeader('content-type', 'application/json')
    if (method === 'GET') {
      const item = lists[Math.min(at++, lists.length - 1)]
      response.end(JSON.stringify({ items: [{ ...usage, ...item }] }))
    } else if (url.endsWith('/rebuild')) response.end(JSON.stringify({ rebuildId }))
    else {
      const examples = [{ key: { tenant_id: 'acme', tool: 'x\u001b' }, kind: 'missing' }]
      const tables = [{ table: 'usage_days', rows: 3, differences: 2, examples }]
      const readModels = [{ readModel: 'usage', verdict: 'different', stopped: null, tables }]
      response.end(
        `${JSON.stringify({ result: { identical: false, durationMs: 5, readModels } })}\n`,
      )
    }
  })
  t.teardown(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}

t.test('progress is a bar with what is done, how fast, and what is left', async (t) => {
  t.equal(barOf(running), BAR)
  const end = { ...running, percent: 100, phase: 'switching' as const, secondsLeft: 0 }
  t.equal(barOf(end), '[####################] 100 %, 500 events, 100/s, switching')
})

t.test('the list shows which version is there, which is made, and how far that is', async (t) => {
  const { code, stdout } = await tidemark([
    'readmodels',
    '--url',
    await serve([{ rebuild: running }]),
  ])
  t.equal(code, 0)
  t.match(
    stdout,
    `usage       1 (this program: 2)  building  9         0    0               ${BAR}`,
  )
})

t.test('a rebuild is waited for; one that failed says why', async (t) => {
  const lists = [
    { lastRequest: asked('owed') },
    { lastRequest: asked('owed'), rebuild: running },
    { version: 2, lastRequest: asked('completed', { events: 2_000, durationMs: 20_000 }) },
  ]
  const done = await tidemark(['readmodels', 'rebuild', 'usage', '--url', await serve(lists)])
  t.match(done, { code: 0, stderr: '' })
  t.match(done.stdout, 'waiting for the projector')
  t.match(done.stdout, BAR)
  t.match(done.stdout, 'usage version 2: 2000 events in 20.0 s')
  const failing = await serve([{ lastRequest: asked('failed', { cause: 'a poison event' }) }])
  const failed = await tidemark(['readmodels', 'rebuild', 'usage', '--url', failing])
  t.match(failed, { code: 1, stderr: /usage: a poison event\n$/ })
})

t.test('a comparison names the rows that differ, harmlessly, and fails', async (t) => {
  const { code, stdout, stderr } = await tidemark([
    'readmodels',
    'compare',
    'usage',
    '--url',
    await serve([]),
  ])
  t.equal(code, 1)
  t.match(
    stdout,
    'usage_days: 3 rows, 2 different\n  missing    {"tenant_id":"acme","tool":"x\\u001b"}\n  and 1 more',
  )
  t.match(stderr, 'usage is not what the log says; rebuild it.')
})
