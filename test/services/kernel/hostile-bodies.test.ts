import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import t from 'tap'
import { Type } from 'typebox'
import { testApp } from '../../support/app.ts'
import { waitFor } from '../../support/wait-for.ts'

const MIB = 1024 * 1024
const GIB = 1024 * MIB
/** A busy machine gets three times the 100 ms of processor time. */
const PROCESSOR_MS = 3 * 100

const JSON_BODY = { 'content-type': 'application/json' }

// Made before any application measures how late its event loop is.
const BODIES = [
  ['one byte more than 1 MiB', ' '.repeat(MIB + 1), JSON_BODY, 413],
  ['5,001 levels', `${'['.repeat(5_001)}${']'.repeat(5_001)}`, JSON_BODY, 400],
  ['100,001 members', members(100_001), JSON_BODY, 400],
  ['a million members', members(1_000_000), JSON_BODY, 413],
  [
    'a gzip bomb',
    gzipSync(Buffer.alloc(200 * MIB, ' ')),
    { ...JSON_BODY, 'content-encoding': 'gzip' },
    400,
  ],
] as const

const things: FastifyPluginAsyncTypebox = async (app) => {
  app.post(
    '/v1/things',
    { schema: { body: Type.Unknown() }, config: { access: 'sources:write' } },
    async ({ body }) => ({ taken: body }),
  )
}

t.test('a body that attacks by its shape is refused before it costs much', async (t) => {
  const { inject } = await testApp(t, things)
  const post = (payload: string | Buffer, headers: Record<string, string> = JSON_BODY) =>
    // A machine that is too busy for this application is told so by it.
    waitFor('an answer', async () => {
      const before = process.cpuUsage()
      const answer = await inject({ method: 'POST', url: '/v1/things', payload, headers })
      const { user, system } = process.cpuUsage(before)
      return answer.statusCode !== 503 && { answer, processorMs: (user + system) / 1_000 }
    })
  for (const [name, payload, headers, status] of BODIES) {
    const { answer, processorMs } = await post(payload, headers)
    t.equal(answer.statusCode, status, name)
    t.match(answer.headers['content-type'], /^application\/problem\+json/)
    t.ok(processorMs < PROCESSOR_MS, `${name} costs little`)
  }
  const { answer } = await post('{"name":"one","name":"two"}')
  t.same(answer.json(), { taken: { name: 'two' } }, 'a member that is there twice is its last')
})

t.test(
  'a body of a gigabyte without a length is cut off after the first that is too much',
  async (t) => {
    const { app, keyOf } = await testApp(t, things)
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    const closed = new Promise((resolve) => socket.once('close', resolve))
    let answer = ''
    socket.setEncoding('utf8').on('data', (part: string) => {
      answer += part
    })
    await once(socket, 'connect')
    socket.write(
      `POST /v1/things HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${keyOf()}\r\n` +
        'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    )
    const chunk = Buffer.concat([
      Buffer.from(`${MIB.toString(16)}\r\n`),
      Buffer.alloc(MIB, ' '),
      Buffer.from('\r\n'),
    ])
    let sent = 0
    while (sent < GIB && !socket.destroyed) {
      sent += MIB
      if (!socket.write(chunk))
        await new Promise((go) => socket.once('drain', go).once('close', go))
    }
    await closed
    t.match(answer, /^HTTP\/1\.1 413 /)
    t.ok(sent < GIB / 10, `${sent / MIB} MiB were taken`)
  },
)

function members(count: number): string {
  return `{${Array.from({ length: count }, (_, index) => `"${index.toString(36)}":1`).join()}}`
}
