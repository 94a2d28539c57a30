import type { FastifyReply, FastifyRequest } from 'fastify'
import type { JsonObject } from '../ports/mcp-upstream.ts'
import { EventStream } from './event-stream.ts'
import type { Refusal } from './inbound.ts'
import { errorText, notificationText, type RpcRequest } from './json-rpc.ts'

/**
 * The answer to one POST: one JSON document, or an event stream from the moment that there is
 * something to say before the result, when the client takes one.
 */
export class CallAnswer {
  readonly #reply: FastifyReply
  readonly #streams: boolean
  #stream: EventStream | undefined

  constructor(request: FastifyRequest, reply: FastifyReply) {
    this.#reply = reply
    this.#streams = request.headers.accept?.includes('text/event-stream') ?? false
  }

  progress(token: string | number, progress: JsonObject): void {
    if (!this.#streams || this.#gone) return
    this.#stream ??= new EventStream(this.#reply)
    const params = { ...progress, progressToken: token }
    this.#stream.send(notificationText('notifications/progress', params))
  }

  /** @param text the JSON-RPC response. */
  finish(status: number, text: string): void {
    if (this.#stream !== undefined) {
      this.#stream.send(text)
      this.#stream.end()
    } else if (!this.#gone) sendJson(this.#reply, status, text)
  }

  get #gone(): boolean {
    return this.#reply.raw.destroyed
  }
}

export function sendJson(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).header('content-type', 'application/json').send(text)
}

export function refuse(reply: FastifyReply, { status, id, error }: Refusal): FastifyReply {
  return sendJson(reply, status, errorText(id, error))
}

/** What the caller wants to hear about progress with; undefined = nothing. */
export function progressTokenOf({ params }: RpcRequest): string | number | undefined {
  const meta = params._meta
  if (typeof meta !== 'object' || meta === null) return undefined
  const { progressToken } = meta as JsonObject
  return typeof progressToken === 'string' || typeof progressToken === 'number'
    ? progressToken
    : undefined
}
