import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import t, { type Test } from 'tap'
import { testApp } from '../../support/app.ts'
import { waitFor } from '../../support/wait-for.ts'

/** An app on a real socket, and clients that say exactly what they are told. */
async function listening(t: Test, routes: FastifyPluginAsyncTypebox) {
  const { app } = await testApp(t, routes)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const open = async () => {
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  return { app, open }
}

async function heard(socket: Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}

function hold() {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let arrived = false
  const routes: FastifyPluginAsyncTypebox = async (app) => {
    app.get('/slow', { config: { access: 'anyone' } }, async () => {
      arrived = true
      await held
      return 'done'
    })
    app.get('/quick', { config: { access: 'anyone' } }, async () => 'quick')
  }
  return { routes, release: () => release(), hasArrived: () => arrived }
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`

t.test(
  'closing lets what is under way finish, and its connection does not outlive it',
  async (t) => {
    const { routes, release, hasArrived } = hold()
    const { app, open } = await listening(t, routes)
    const busy = await open()
    const answer = heard(busy)
    busy.write(get('/slow'))
    await waitFor('the request', hasArrived)
    const closed = app.close()
    await waitFor('the closing', () => !app.server.listening)
    release()
    t.match(await answer, /200 OK.*connection: close.*done/is)
    await closed
  },
)

t.test('closing waits neither for idle connections nor for unused ones', async (t) => {
  const { app, open } = await listening(t, hold().routes)
  const [idle, unused] = [await open(), await open()]
  idle.write(get('/quick'))
  await once(idle, 'data')
  idle.resume()
  unused.resume()
  const ends = Promise.all([once(idle, 'close'), once(unused, 'close')])
  const startedAt = performance.now()
  await app.close()
  await ends
  t.ok(performance.now() - startedAt < 2_000)
})

t.test('what is not HTTP is answered with a problem, on the socket', async (t) => {
  const { open } = await listening(t, hold().routes)
  for (const [text, status, code] of [
    ['NONSENSE\r\n\r\n', 400, 'bad-request'],
    [
      `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'request-header',
    ],
    ['POST /quick HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n', 400, 'bad-request'],
    ['GET /quick HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n', 400, 'ambiguous-host'],
  ] as const) {
    const socket = await open()
    const answer = heard(socket)
    socket.write(text)
    setTimeout(() => socket.end(), 200).unref()
    const heardText = await answer
    t.match(heardText, `HTTP/1.1 ${status}`)
    t.match(heardText, code)
    t.notMatch(heardText, /node_modules|at .*\.js/)
  }
})
