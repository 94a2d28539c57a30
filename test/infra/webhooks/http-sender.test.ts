import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import t, { type Test } from 'tap'
import { createWebhookSender } from '../../../infra/webhooks/http-sender.ts'

const TIMEOUT_MS = 300
const sender = createWebhookSender({ allowPrivate: true })
const impatient = createWebhookSender({ allowPrivate: true, timeoutMs: TIMEOUT_MS })
for (const each of [sender, impatient]) t.teardown(() => each[Symbol.asyncDispose]())

async function serve(t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
}

const message = (url: string) => ({ url, headers: { 'webhook-id': '1' }, body: '{}' })
const send = (url: string, signal = new AbortController().signal) =>
  sender.send(message(url), signal)

t.test('an answer without end is read to a bound, and its begin is kept', async (t) => {
  let written = 0
  const url = await serve(t, (_request, response) => {
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(1_024))) written += 1_024
    }
    response.on('drain', more).on('error', () => {})
    more()
  })
  t.match(await send(url), { outcome: 'answered', status: 200, answer: 'x'.repeat(300) })
  t.ok(written < 64 * 1_048_576, `${written} bytes were written`)
})

t.test('a name for how long to wait is understood, nonsense is not', async (t) => {
  const asked = ['120', 'Wed, 01 Jan 2020 00:00:00 GMT', 'soon', '-5']
  const url = await serve(t, (_request, response) => {
    response.writeHead(503, { 'retry-after': asked.shift() ?? '' }).end()
  })
  const waits = []
  for (let count = asked.length; count > 0; count--) waits.push(await send(url))
  t.match(waits, [
    { status: 503, retryAfterMs: 120_000 },
    { retryAfterMs: 0 },
    { retryAfterMs: undefined },
    {},
  ])
})

t.test('who is silent, or says one byte at a time, ends by the timeout', async (t) => {
  const silent = createTcpServer((socket) => socket.on('error', () => {}))
  const dripping = createTcpServer((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nx-drip: ')
    const timer = setInterval(() => socket.write('x'), 20)
    socket.on('close', () => clearInterval(timer)).on('error', () => {})
  })
  for (const server of [silent, dripping]) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    const startedAt = performance.now()
    const { port } = server.address() as AddressInfo
    const outcome = await impatient.send(
      message(`http://127.0.0.1:${port}/`),
      new AbortController().signal,
    )
    t.same(outcome, { outcome: 'timeout' })
    t.ok(performance.now() - startedAt < 20 * TIMEOUT_MS)
  }
})

t.test('nobody there, no TLS there, and a call that is given up', async (t) => {
  t.same(await send('http://127.0.0.1:1/'), { outcome: 'unreachable' })
  const url = await serve(t, () => {})
  t.same(await send(url.replace('http:', 'https:')), { outcome: 'unreachable' })
  t.same(await send(url, AbortSignal.timeout(50)), { outcome: 'unreachable' })
})

t.test('where clouds keep secrets is never called, whatever the operator allows', async (t) => {
  for (const url of ['http://169.254.169.254/', 'http://[fe80::1]/', 'http://0.0.0.0/'])
    t.same(await send(url), { outcome: 'address-refused' }, url)
})
