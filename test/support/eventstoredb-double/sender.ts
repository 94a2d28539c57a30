import { type EventEmitter, once } from 'node:events'
import type streams from '@eventstore/db-client/generated/streams_pb.js'
import type { ServerWritableStream } from '@grpc/grpc-js'
import type { WireError } from './wire.ts'

/** One `Streams/Read` call's way back: waits while the client takes nothing, stops when it has gone. */
export class Sender {
  readonly #call: ServerWritableStream<streams.ReadReq, streams.ReadResp>
  readonly #closed = new AbortController()
  #isFull = false
  #isMuted = false

  constructor(call: ServerWritableStream<streams.ReadReq, streams.ReadResp>) {
    this.#call = call
    for (const event of ['cancelled', 'close', 'error'] as const)
      call.once(event, () => this.#closed.abort())
  }

  get isClosed(): boolean {
    return this.#closed.signal.aborted
  }

  /** The client has not taken what was sent. */
  get isFull(): boolean {
    return this.#isFull
  }

  async send(response: streams.ReadResp): Promise<void> {
    if (this.isClosed || this.#isMuted || this.#call.write(response)) return
    this.#isFull = true
    await this.untilClosedOr(this.#call, 'drain')
    this.#isFull = false
  }

  /** From now on nothing arrives, and the client is not told. */
  mute(): void {
    this.#isMuted = true
  }

  async untilClosedOr(emitter: EventEmitter, event: string): Promise<void> {
    const { signal } = this.#closed
    await once(emitter, event, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }

  fail(error: WireError): void {
    if (this.isClosed) return
    this.#closed.abort()
    this.#call.emit('error', error)
  }

  end(): void {
    if (!this.isClosed) this.#call.end()
  }
}
