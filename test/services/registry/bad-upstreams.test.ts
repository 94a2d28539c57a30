import type { ServerResponse } from 'node:http'
import t from 'tap'
import { mirrorWorld } from '../../support/mirror-world.ts'
import { answerJson, startUpstream, upstreamEntry } from '../../support/upstream.ts'

const MIB = 1024 * 1024

/** Writes without end, as fast as the other side reads, up to `bytes`. */
function pour(response: ServerResponse, bytes: number): void {
  const chunk = Buffer.alloc(MIB, ' ')
  let left = bytes
  const more = () => {
    while (left > 0 && !response.destroyed) {
      left -= chunk.byteLength
      if (!response.write(chunk)) return
    }
    response.end()
  }
  response.on('drain', more)
  more()
}

t.test(
  'each way of being broken fails the run with its own code and leaves the catalogue',
  async (t) => {
    const upstream = await startUpstream(t)
    const world = await mirrorWorld(t, {
      http: { silenceMs: 300, maxPageBytes: 20 * MIB },
      limits: { maxPages: 30, maxRunMs: 20_000 },
    })
    const entries = Array.from({ length: 120 }, (_, index) =>
      upstreamEntry(`io.example/server-${index}`, '1.0.0'),
    )
    upstream.list(entries)
    await world.add('main', upstream.url)
    await world.sync('main')
    const mirrored = await world.entries()
    let page = 0

    const broken: Record<string, Parameters<typeof upstream.misbehave>[0]> = {
      'upstream-not-json': (_request, response) => response.end('<html>busy</html>'),
      'upstream-wrong-shape': (_request, response) => answerJson(response, { servers: 'none' }),
      'upstream-status': (_request, response) => response.writeHead(500).end(),
      'upstream-redirect-loop': (request, response) =>
        response.writeHead(302, { location: request.url ?? '/' }).end(),
      'upstream-too-large': (_request, response) => pour(response, 300 * MIB),
      'upstream-cursor-loop': (_request, response) =>
        answerJson(response, { servers: [], metadata: { nextCursor: 'again' } }),
      'upstream-too-many-pages': (_request, response) => {
        page++
        const servers = [entries[page % 120]]
        answerJson(response, { servers, metadata: { nextCursor: `page ${page}` } })
      },
      'upstream-timeout': () => {},
      'upstream-truncated': (_request, response) => {
        response.writeHead(200, { 'content-length': 1_000 })
        response.write('{"servers":[{"server":')
        setTimeout(() => response.destroy(), 20)
      },
      'upstream-unreachable': (request) => request.socket.destroy(),
      'upstream-address-refused': (_request, response) =>
        response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' }).end(),
    }
    for (const [code, handler] of Object.entries(broken)) {
      upstream.misbehave(handler)
      const before = process.memoryUsage().rss
      const run = await world.sync('main')
      t.match(run, { run_status: 'failed', failure_code: code }, code)
      t.match(run.failure_cause, /^[A-Z].*\.$/, 'the cause is a sentence')
      t.ok(process.memoryUsage().rss - before < 100 * MIB, 'the memory did not balloon')
      t.same(await world.entries(), mirrored, 'the catalogue is as it was')
    }

    upstream.misbehave(undefined)
    t.match(await world.sync('main'), { run_status: 'completed', added: 0, changed: 0, removed: 0 })
  },
)

t.test('a page that is valid but ends early is told from garbage', async (t) => {
  const upstream = await startUpstream(t)
  const world = await mirrorWorld(t)
  upstream.misbehave((_request, response) => response.end('{"servers":[{"server":{"name":"a'))
  await world.add('main', upstream.url)
  t.match(await world.sync('main'), { failure_code: 'upstream-truncated' })
})

t.test('pages without end that repeat themselves are a loop', async (t) => {
  const upstream = await startUpstream(t)
  const world = await mirrorWorld(t)
  let page = 0
  upstream.misbehave((_request, response) => {
    page++
    const servers = [upstreamEntry('io.example/only', '1.0.0')]
    answerJson(response, { servers, metadata: { nextCursor: `page ${page}` } })
  })
  await world.add('main', upstream.url)
  t.match(await world.sync('main'), { failure_code: 'upstream-cursor-loop' })
})

t.test('an upstream that drips, and so is never silent, is too slow', async (t) => {
  const upstream = await startUpstream(t)
  const world = await mirrorWorld(t, { http: { pageMs: 300, attempts: 1 } })
  upstream.misbehave((_request, response) => {
    const timer = setInterval(() => response.write(' '), 20)
    response.once('close', () => clearInterval(timer))
  })
  await world.add('main', upstream.url)
  t.match(await world.sync('main'), { failure_code: 'upstream-timeout' })
})

t.test('a run that takes too long ends', async (t) => {
  const upstream = await startUpstream(t)
  const world = await mirrorWorld(t, { limits: { maxRunMs: 200 } })
  upstream.misbehave(() => {})
  await world.add('main', upstream.url)
  t.match(await world.sync('main'), { failure_code: 'upstream-too-slow' })
})

t.test('entries that cannot be kept are counted, the others are kept', async (t) => {
  const upstream = await startUpstream(t)
  const world = await mirrorWorld(t)
  const good = upstreamEntry('io.example/good', '1.0.0')
  const deep: unknown = JSON.parse(`${'['.repeat(500)}${']'.repeat(500)}`)
  upstream.list([
    good,
    upstreamEntry('io.example/large', '1', { server: { description: 'x'.repeat(1_000_000) } }),
    upstreamEntry('io.example/deep', '1', { server: { deep } }),
    upstreamEntry('io.example/\u0000', '1'),
    'text',
    null,
    JSON.parse('{"__proto__":{"server":{"name":"io.example/polluted","version":"1"}}}'),
  ])
  await world.add('main', upstream.url)
  t.match(await world.sync('main'), { run_status: 'completed', added: 1, refused: 6 })
  t.same(await world.entries(), new Map([['io.example/good@1.0.0', good]]))
})

t.test('an upstream that is busy for a moment is asked again', async (t) => {
  const upstream = await startUpstream(t)
  const world = await mirrorWorld(t, { http: { attempts: 3 } })
  let asked = 0
  upstream.misbehave((_request, response) => {
    asked++
    if (asked === 1) response.writeHead(503, { 'retry-after': '0' }).end()
    else if (asked === 2) response.destroy()
    else answerJson(response, { servers: [upstreamEntry('io.example/one', '1.0.0')] })
  })
  await world.add('main', upstream.url)
  t.match(await world.sync('main'), { run_status: 'completed', added: 1 })
  t.equal(asked, 3)
})
