import type { Duplex } from 'node:stream'
import type { WebSocket } from '@fastify/websocket'
import type { Position } from '../ports/event-store.ts'
import type { EventMessage } from './event-message.ts'
import type { EventSelection } from './event-query.ts'
import { closeOf, drainOf, type FeedClient, type FeedEnd } from './feed-client.ts'

/** As the CloudEvents WebSockets binding names it: every message is one event in JSON. */
export const SUBPROTOCOL = 'cloudevents.json'

/** Of a message that is no event of the log: it tells where to resume. No event type has a dot. */
export const POSITION_TYPE = 'tidemark.position'

/** RFC 6455, 7.4; codes from 4000 on are this feed's own. */
const CLOSE: Readonly<Record<FeedEnd, readonly [number, string]>> = {
  stopping: [1001, 'The server stops; resume after the last position.'],
  renew: [4001, 'Connect again: the key is checked anew; resume after the last position.'],
  'too-slow': [4008, 'Too much was waiting; resume after the last position.'],
  broken: [1011, 'The log cannot be followed now; resume after the last position.'],
}
const NO_MESSAGES: readonly [number, string] = [1008, 'This feed takes no messages.']

/** How long the other end may take to agree to the end. */
const CLOSE_TIMEOUT_MS = 2_000

const TEXT = { binary: false } as const

export class SocketClient implements FeedClient {
  readonly filter: EventSelection
  readonly closed: Promise<void>
  readonly #socket: WebSocket
  readonly #connection: Duplex
  #answered = true

  /** @param connection what the WebSocket runs over. */
  constructor(socket: WebSocket, connection: Duplex, filter: EventSelection) {
    this.#socket = socket
    this.#connection = connection
    this.filter = filter
    this.closed = closeOf(connection)
    socket.on('pong', () => {
      this.#answered = true
    })
    socket.on('message', () => this.#close(NO_MESSAGES))
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN
  }

  get waiting(): number {
    return this.#connection.writableLength
  }

  drained(): Promise<void> {
    return drainOf(this.#connection)
  }

  send(message: EventMessage): void {
    if (this.isOpen) this.#socket.send(message.json, TEXT)
  }

  reach(position: Position): void {
    if (!this.isOpen) return
    const mark = {
      specversion: '1.0',
      id: position.toString(),
      source: '/tidemark',
      type: POSITION_TYPE,
      position: position.toString(),
    }
    this.#socket.send(JSON.stringify(mark), TEXT)
  }

  beat(reached: Position | undefined): void {
    if (!this.isOpen) return
    if (reached !== undefined) this.reach(reached)
    if (this.#answered) this.#socket.ping()
    else this.#socket.terminate()
    this.#answered = false
  }

  end(reason: FeedEnd): void {
    this.#close(CLOSE[reason])
  }

  #close([code, reason]: readonly [number, string]): void {
    if (!this.isOpen) return
    this.#socket.close(code, reason)
    setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT_MS).unref()
  }
}
