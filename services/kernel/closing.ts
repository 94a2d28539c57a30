import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/**
 * From `draining` on, every answer ends its connection, so that clients open their next one
 * elsewhere before nothing listens here any more.
 *
 * Closing waits for what is under way and for nothing else. Node closes the connections that
 * are idle at that moment, but not one on which no request came yet (clients open those in
 * advance), and not one that becomes idle afterwards.
 */
export function closeWithoutWaiting(app: FastifyInstance, draining?: AbortSignal): void {
  const unused = new Set<Socket>()
  let closing = false
  const isLeaving = () => closing || draining?.aborted === true
  app.server.on('connection', (socket) => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
  })
  app.server.on('request', ({ socket }, response) => {
    unused.delete(socket)
    // An answer that was begun earlier could not say that it is the last one.
    response.once('finish', () => {
      if (isLeaving()) socket.destroySoon()
    })
  })
  app.addHook('preClose', async () => {
    closing = true
    for (const socket of unused) socket.destroy()
  })
  app.addHook('onSend', async (_request, reply, payload) => {
    if (isLeaving()) reply.header('connection', 'close')
    return payload
  })
}
