import type { ServerResponse } from 'node:http'
import type { Position } from '../ports/event-store.ts'
import type { EventMessage } from './event-message.ts'
import type { EventSelection } from './event-query.ts'
import { closeOf, drainOf, type FeedClient, type FeedEnd } from './feed-client.ts'

/** How long a client waits before it reconnects; not the same for all, so that they do not come together. */
const RETRY_MIN_MS = 1_000
const RETRY_SPREAD_MS = 2_000
const CLOSE_TIMEOUT_MS = 2_000

/** Server-sent events (WHATWG HTML, 9.2): each event has its position as `id`. */
export class ServerSentClient implements FeedClient {
  readonly filter: EventSelection
  readonly closed: Promise<void>
  readonly #response: ServerResponse

  /** @param response with its head sent. */
  constructor(response: ServerResponse, filter: EventSelection, after: Position) {
    this.#response = response
    this.filter = filter
    this.closed = closeOf(response)
    // A broken connection closes, which is all there is to know.
    response.on('error', () => {})
    response.write(`${retry()}id: ${after}\n\n`)
  }

  get isOpen(): boolean {
    return !this.#response.destroyed && !this.#response.writableEnded
  }

  get waiting(): number {
    return this.#response.writableLength
  }

  drained(): Promise<void> {
    return drainOf(this.#response)
  }

  send(message: EventMessage): void {
    if (this.isOpen) this.#response.write(message.serverSent)
  }

  /** An event without data moves the reader's resume point and is not shown to it. */
  reach(position: Position): void {
    if (this.isOpen) this.#response.write(`id: ${position}\n\n`)
  }

  beat(reached: Position | undefined): void {
    if (reached !== undefined) this.reach(reached)
    else if (this.isOpen) this.#response.write(': alive\n\n')
  }

  end(reason: FeedEnd): void {
    if (reason === 'too-slow' || reason === 'broken') this.#response.destroy()
    else if (this.isOpen) this.#response.end(`${retry()}\n`)
    // A client that takes nothing does not keep the process from stopping.
    setTimeout(() => this.#response.destroy(), CLOSE_TIMEOUT_MS).unref()
  }
}

function retry(): string {
  return `retry: ${Math.round(RETRY_MIN_MS + Math.random() * RETRY_SPREAD_MS)}\n`
}
