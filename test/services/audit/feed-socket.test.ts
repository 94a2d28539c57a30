import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket } from 'undici'
import { recordLarge, servedFeed } from '../../support/served-feed.ts'
import { waitFor } from '../../support/wait-for.ts'

type Message = { readonly type: string; readonly position: string; readonly specversion: string }
type Ended = { readonly code: number; readonly reason: string }

/** A program's WebSocket; browsers cannot set headers. */
class Subscriber {
  readonly messages: Message[] = []
  readonly socket: WebSocket
  ended: Ended | undefined
  isOpen = false

  constructor(t: Test, url: string, headers: Record<string, string>, protocols: string[]) {
    this.socket = new WebSocket(url, { headers, protocols })
    this.socket.addEventListener('open', () => {
      this.isOpen = true
    })
    this.socket.addEventListener('message', ({ data }) => this.messages.push(JSON.parse(data)))
    this.socket.addEventListener('error', () => {})
    this.socket.addEventListener('close', ({ code, reason }) => {
      this.ended = { code, reason }
    })
    t.teardown(() => this.socket.close())
  }

  get events(): readonly Message[] {
    return this.messages.filter(({ type }) => !type.includes('.'))
  }
}

type Asking = { readonly headers?: Record<string, string>; readonly protocols?: string[] }

async function socketFeed(t: Test, options: Parameters<typeof servedFeed>[1] = {}) {
  const served = await servedFeed(t, options)
  const { key, port } = served
  const bearer = { authorization: `Bearer ${key}` }
  const subscribe = (query = '', { headers = bearer, protocols = [] }: Asking = {}) =>
    new Subscriber(t, `ws://127.0.0.1:${port}/v1/events/socket${query}`, headers, protocols)
  return { ...served, subscribe }
}

/** What a server answers to raw bytes, until it ends the connection or `enough` is there. */
async function rawAnswer(t: Test, port: number, bytes: Buffer, enough: RegExp): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  let answer = ''
  let ended = false
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1')
  })
  socket.on('close', () => {
    ended = true
  })
  socket.write(bytes)
  await waitFor('an answer', () => ended || enough.test(answer))
  return answer
}

const handshake = (key: string, more = '') =>
  `GET /v1/events/socket HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${key}\r\n` +
  'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n' +
  `sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`

t.test('a socket tells what was, what is, and where to resume', async (t) => {
  const { subscribe, record } = await socketFeed(t)
  await record('acme', 'public', 'private')
  const first = subscribe('?after=0')
  await waitFor('what was', () => first.events.length === 2)
  await record('acme', 'public')
  await waitFor('what is', () => first.events.length === 3)
  t.match(first.events[0], {
    specversion: '1.0',
    type: 'CatalogueVisibilityChanged',
    tenantid: 'acme',
    data: { visibility: 'public' },
  })
  const others = await record('other', 'public')
  await waitFor('the resume point', () => first.messages.at(-1)?.position === others.toString())
  t.match(first.messages.at(-1), { specversion: '1.0', type: 'tidemark.position' })
  const [, second] = first.events
  const resumed = subscribe(`?after=${second?.position}&context=identity`)
  await waitFor('the rest', () => resumed.events.length === 1)
  t.same(resumed.events, first.events.slice(2))
})

t.test('a browser sends the key as a subprotocol, and it is not sent back', async (t) => {
  const { subscribe, key } = await socketFeed(t)
  const protocols = ['cloudevents.json', `tidemark.key.${key}`]
  const subscriber = subscribe('', { headers: {}, protocols })
  await waitFor('the opening', () => subscriber.isOpen)
  t.equal(subscriber.socket.protocol, 'cloudevents.json')
})

t.test('who has no right to it gets an HTTP answer and no socket', async (t) => {
  const { subscribe, keyOf, port, record } = await socketFeed(t)
  const status = async (request: string) => {
    const answer = await rawAnswer(t, port, Buffer.from(request), /\r\n\r\n/)
    return answer.slice(9, 12)
  }
  const head = await record('acme', 'public')
  t.equal(await status(handshake('wrong')), '401')
  t.equal(await status(handshake(keyOf({ scopes: ['tools:call'] }))), '403')
  t.equal(await status(handshake(keyOf(), 'origin: http://evil.example\r\n')), '403')
  t.equal(await status(handshake(keyOf()).replace('socket', 'socket?after=x')), '400')
  t.equal(await status(handshake(keyOf()).replace('socket', `socket?after=${head + 1n}`)), '409')
  t.equal(await status(handshake(keyOf()).replace('upgrade: websocket', 'x: y')), '426')
  t.equal(await status(handshake(keyOf()).replace('version: 13', 'version: 1')), '400')
  const wrong = subscribe('', { headers: {}, protocols: ['tidemark.key.wrong'] })
  await waitFor('the end', () => wrong.ended)
  t.equal(wrong.isOpen, false)
})

t.test('places are counted with those of the streams, and given back', async (t) => {
  const { subscribe, open } = await socketFeed(t, { limits: { clients: 9, clientsPerKey: 2 } })
  const first = subscribe()
  await waitFor('the opening', () => first.isOpen)
  t.equal(await open().status, 200)
  t.equal(await open().status, 429)
  const refused = subscribe()
  await waitFor('the refusal', () => refused.ended)
  first.socket.close()
  await waitFor('a place', async () => (await open().status) === 200)
})

t.test('whatever a client sends, it is told why that is the end', async (t) => {
  const { subscribe, key, port, open, record } = await socketFeed(t)
  const chatty = subscribe()
  await waitFor('the opening', () => chatty.isOpen)
  chatty.socket.send('{"subscribe":"everything"}')
  await waitFor('the end', () => chatty.ended)
  t.same(chatty.ended, { code: 1008, reason: 'This feed takes no messages.' })

  const frames = {
    'too large': [[0x81, 0xfe, 0x20, 0x00, 0, 0, 0, 0], 1009],
    'not masked': [[0x81, 0x01, 0x41], 1002],
    'reserved opcode': [[0x83, 0x80, 0, 0, 0, 0], 1002],
    'reserved bit': [[0xc1, 0x80, 0, 0, 0, 0], 1002],
    'text that is not UTF-8': [[0x81, 0x81, 0, 0, 0, 0, 0xff], 1007],
    'fragmented ping': [[0x09, 0x80, 0, 0, 0, 0], 1002],
    'close code that is none': [[0x88, 0x82, 0, 0, 0, 0, 0, 1], 1002],
  } as const
  for (const [what, [bytes, code]] of Object.entries(frames)) {
    const sent = Buffer.concat([Buffer.from(handshake(key)), Buffer.from(bytes)])
    const close = String.fromCharCode(0x88, 0x02, code >> 8, code & 0xff)
    const answer = await rawAnswer(t, port, sent, new RegExp(`${close}$`, 's'))
    t.ok(answer.includes(close), `${what}: ${code}`)
  }
  const reader = open()
  await record('acme', 'public')
  await waitFor('the others', () => reader.events.length === 1)
})

t.test('who does not answer a ping is let go, who takes nothing too', async (t) => {
  const { key, port, store, app } = await socketFeed(t, { timing: { heartbeatMs: 160 } })
  const deaf = connect(port, '127.0.0.1')
  t.teardown(() => deaf.destroy())
  let ended = false
  deaf.on('data', () => {})
  deaf.on('close', () => {
    ended = true
  })
  deaf.write(handshake(key))
  await waitFor('the end', () => ended)

  const blocked = connect(port, '127.0.0.1')
  t.teardown(() => blocked.destroy())
  blocked.on('error', () => {})
  blocked.write(handshake(key))
  await once(blocked, 'data')
  blocked.pause()
  for (let i = 0; i < 16; i++) await recordLarge(store, 'acme', 900_000)
  await waitFor('the drop', () => connections(app).then((count) => count === 0))
})

t.test('sockets end when the process stops, and it does not wait for them', async (t) => {
  const { subscribe, app, stopping } = await socketFeed(t)
  const subscriber = subscribe()
  await waitFor('the opening', () => subscriber.isOpen)
  stopping.abort()
  await waitFor('the end', () => subscriber.ended)
  t.match(subscriber.ended, { code: 1001, reason: /resume after the last position/ })
  await app.close()
})

t.test('a request that offers another protocol is answered as if it had not', async (t) => {
  const { key, port } = await socketFeed(t)
  const h2c = 'connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n'
  const auth = `host: localhost\r\nauthorization: Bearer ${key}\r\n`
  const get = `GET /v1/events/stream?after=x HTTP/1.1\r\n${auth}${h2c}\r\n`
  const post = `POST /nowhere HTTP/1.1\r\n${auth}${h2c}content-type: application/json\r\ncontent-length: 7\r\n\r\n{"a":1}`
  const answer = await rawAnswer(t, port, Buffer.from(post), /}$/)
  t.match(answer, /^HTTP\/1.1 404 .*not-found/s)
  // The second request shows that the connection goes on.
  const twice = await rawAnswer(t, port, Buffer.from(get + get.replace(h2c, '')), /}.*HTTP.*}$/s)
  t.equal(twice.match(/HTTP\/1.1 400 /g)?.length, 2)
  const elsewhere = handshake(key).replace('/v1/events/socket', '/nowhere')
  t.match(await rawAnswer(t, port, Buffer.from(elsewhere), /}$/), /^HTTP\/1.1 404 /)
})

function connections(app: Awaited<ReturnType<typeof servedFeed>>['app']): Promise<number> {
  return new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count)))
}
