import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'

const KEEP_ALIVE_MS = 15_000
const RECONNECT_MS = 1_000
/** A reader that leaves so much unread has gone or does not keep up. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024

/** An open `text/event-stream` answer. */
export class EventStream {
  readonly #response: ServerResponse
  readonly #keepAlive: NodeJS.Timeout

  /**
   * Takes the answer out of Fastify's hands.
   *
   * @param onClose called once, whoever ends it.
   */
  constructor(reply: FastifyReply, onClose: () => void = () => undefined) {
    reply.hijack()
    const response = reply.raw
    this.#response = response
    for (const [name, value] of Object.entries(reply.getHeaders()))
      if (value !== undefined) response.setHeader(name, value)
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    response.flushHeaders()
    this.#keepAlive = setInterval(() => this.#write(': keep-alive\n\n'), KEEP_ALIVE_MS)
    this.#keepAlive.unref()
    response.once('close', () => {
      clearInterval(this.#keepAlive)
      onClose()
    })
  }

  /** @param text one JSON-RPC message; JSON has no line breaks outside of strings, and escapes them inside. */
  send(text: string): void {
    this.#write(`event: message\ndata: ${text}\n\n`)
  }

  end(): void {
    this.#response.end()
  }

  /**
   * Tells the client when to connect again (WHATWG HTML 9.2.6; MCP 2025-11-25, Streamable HTTP),
   * and ends the connection too: a closing server would wait for the client to let go of it.
   */
  disconnect(): void {
    const { socket } = this.#response
    this.#write(`retry: ${RECONNECT_MS}\n\n`)
    this.#response.end(() => socket?.destroySoon())
  }

  #write(frame: string): void {
    if (this.#response.writableEnded || this.#response.destroyed) return
    this.#response.write(frame)
    if (this.#response.writableLength > MAX_UNREAD_BYTES) this.#response.destroy()
  }
}
