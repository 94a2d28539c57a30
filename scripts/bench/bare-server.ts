/**
 * What the load would cost without Tidemark: `bare-server.ts [database]`. `POST /rows` inserts a row on a
 * pooled connection and answers; `GET /feed` is a stream of server-sent events; `POST /broadcast` writes one event
 * to every stream. Prints its address.
 */
import type { ServerResponse } from 'node:http'
import fastify from 'fastify'
import pg from 'pg'

const pool = new pg.Pool({ connectionString: process.argv[2], max: 20 })
const streams = new Set<ServerResponse>()
let events = 0
const app = fastify()

app.post('/rows', async (request, reply) => {
  await pool.query({
    name: 'insert',
    text: 'insert into bare_commands (body) values ($1)',
    values: [JSON.stringify(request.body)],
  })
  return reply.code(201).send({ done: true })
})

app.get('/feed', (_request, reply) => {
  reply.hijack()
  reply.raw.writeHead(200, { 'content-type': 'text/event-stream' })
  reply.raw.write(': open\n\n')
  streams.add(reply.raw)
  reply.raw.once('close', () => streams.delete(reply.raw))
})

app.post('/broadcast', async (request) => {
  const message = `id: ${++events}\ndata: ${JSON.stringify(request.body)}\n\n`
  for (const stream of streams) stream.write(message)
  return { sent: streams.size }
})

process.stdout.write(`${await app.listen({ host: '127.0.0.1', port: 0 })}\n`)
