import type { JetStreamClient, PubAck } from 'nats'
import type { Position, RecordedEvent } from '../../services/ports/event-store.ts'
import type { Logger } from '../../services/ports/logger.ts'
import {
  eventSubject,
  MessageBusConflictError,
  type PublishedEvent,
  type PublishOptions,
} from '../../services/ports/message-bus.ts'
import { type Encoded, encode, natsHeaders } from './cloud-event.ts'
import type { NatsLink } from './connection.ts'
import { busError, isStreamMissing } from './failures.ts'
import { purge, readTip, type Tip } from './stream.ts'

const ACK_TIMEOUT_MS = 5_000
const MAX_IN_FLIGHT = 512
const MAX_BYTES_IN_FLIGHT = 16 * 1024 * 1024

export type PublisherDeps = {
  readonly stream: string
  readonly link: NatsLink
  /** Called when the stream turns out to be gone. */
  readonly repair: () => Promise<void>
  readonly logger: Logger
}

/**
 * Publishes in order with many messages on their way at once. Each one states the stream
 * sequence that it must follow, so that after one that failed none of the later ones is stored.
 */
export class Publisher {
  readonly #deps: PublisherDeps
  /** As this publisher left it; undefined when that is not known. */
  #tip: Tip | undefined

  constructor(deps: PublisherDeps) {
    this.#deps = deps
  }

  /** Asks the server; makes the stream when it is not there. */
  async tip(): Promise<Tip> {
    try {
      return await this.#readTip().catch(async (error) => {
        if (!isStreamMissing(error)) throw error
        await this.#deps.repair()
        return await this.#readTip()
      })
    } catch (error) {
      throw await this.#failed(error)
    }
  }

  async publish(events: readonly RecordedEvent[], { after }: PublishOptions): Promise<void> {
    const last = events.at(-1)
    if (last === undefined) return
    const tip = await this.#known()
    const expected = after === undefined ? undefined : this.#sequenceOf(tip, after)
    try {
      const sequence = await this.#send(events, tip.fill, expected).catch(async (error) => {
        // Without an expectation it is safe to send all of them again: they are deduplicated.
        if (expected !== undefined || !isStreamMissing(error)) throw error
        await this.#deps.repair()
        return await this.#send(events, (await this.#readTip()).fill, undefined)
      })
      this.#tip = expected === undefined ? undefined : { ...tip, sequence, newest: last }
    } catch (error) {
      throw await this.#failed(error)
    }
  }

  async forget({ eventId }: PublishedEvent): Promise<void> {
    const tip = await this.tip()
    this.#tip = undefined
    if (tip.newest?.eventId !== eventId) return
    const { link, stream } = this.#deps
    await link
      .during((connection) => purge(connection, stream, tip))
      .catch((error) => {
        throw busError(error)
      })
  }

  /** @throws {MessageBusConflictError} when the position is not that of the newest message. */
  #sequenceOf({ sequence, newest }: Tip, after: Position): number {
    const position = newest?.position ?? 0n
    if (position === after) return sequence
    this.#tip = undefined
    throw new MessageBusConflictError(`The bus holds ${position} as its newest, not ${after}.`)
  }

  async #known(): Promise<Tip> {
    return this.#tip ?? (await this.tip())
  }

  async #readTip(): Promise<Tip> {
    const { link, stream } = this.#deps
    return await link.during((connection) => readTip(connection, stream))
  }

  /** @returns the sequence of the last message. */
  async #send(
    events: readonly RecordedEvent[],
    fill: number,
    expected: number | undefined,
  ): Promise<number> {
    return await this.#deps.link.during(async (connection) => {
      const maxBytes = connection.info?.max_payload ?? Number.POSITIVE_INFINITY
      const client = connection.jetstream({ timeout: ACK_TIMEOUT_MS })
      const window = new Window()
      try {
        for (const [index, event] of events.entries()) {
          const encoded = this.#encode(event, maxBytes)
          // What is published without waiting in between leaves in one write to the socket.
          if (!window.hasRoom(encoded.payload.length)) await window.room(encoded.payload.length)
          const before = events[index - 1]
          const previous =
            expected === undefined
              ? undefined
              : { sequence: expected + index, id: before && messageId(before, fill) }
          const id = messageId(event, fill)
          window.add(encoded.payload.length, store(client, event, { ...encoded, id }, previous))
        }
        return await window.drain()
      } catch (error) {
        await window.settle()
        throw error
      }
    })
  }

  #encode(event: RecordedEvent, maxBytes: number): Encoded {
    const encoded = encode(event, maxBytes)
    const omitted = encoded.headers['tidemark-data-omitted']?.[0]
    if (omitted !== undefined) {
      const { eventId, type } = event
      this.#deps.logger.warn({ eventId, type, omitted }, 'event published without its data')
    }
    return encoded
  }

  async #failed(error: unknown): Promise<Error> {
    this.#tip = undefined
    if (isStreamMissing(error)) await this.#deps.repair().catch(() => {})
    return busError(error)
  }
}

/** What a message must follow: the sequence says it for ever, the id also after a refused predecessor. */
type Previous = { readonly sequence: number; readonly id: string | undefined }

/**
 * What the server knows a duplicate by, also one of a message that was removed since: an event
 * that is published again because the stream was emptied is none.
 *
 * @param fill see {@link Tip}.
 */
function messageId({ eventId }: RecordedEvent, fill: number): string {
  return `${eventId}.${fill}`
}

async function store(
  client: JetStreamClient,
  event: RecordedEvent,
  { headers, payload, id }: Encoded & { readonly id: string },
  previous: Previous | undefined,
): Promise<number> {
  headers['Nats-Msg-Id'] = [id]
  if (previous !== undefined) {
    headers['Nats-Expected-Last-Sequence'] = [String(previous.sequence)]
    if (previous.id !== undefined) headers['Nats-Expected-Last-Msg-Id'] = [previous.id]
  }
  const subject = eventSubject(event.type, event.tenantId)
  const ack: PubAck = await client.publish(subject, payload, { headers: natsHeaders(headers) })
  // Remembered as published, yet not at the end: the stream lost it within the duplicate window.
  if (previous !== undefined && ack.seq !== previous.sequence + 1)
    throw new MessageBusConflictError(`Event ${event.eventId} is not stored at the end.`)
  return ack.seq
}

/** The messages on their way. */
class Window {
  readonly #acks: { readonly bytes: number; readonly ack: Promise<number> }[] = []
  #bytes = 0
  #last = 0

  /** Waits until another message of this size may go. */
  async room(bytes: number): Promise<void> {
    while (!this.hasRoom(bytes)) await this.#oldest()
  }

  hasRoom(bytes: number): boolean {
    if (this.#acks.length === 0) return true
    return this.#acks.length < MAX_IN_FLIGHT && this.#bytes + bytes <= MAX_BYTES_IN_FLIGHT
  }

  add(bytes: number, ack: Promise<number>): void {
    // Reported when its turn comes.
    ack.catch(() => {})
    this.#acks.push({ bytes, ack })
    this.#bytes += bytes
  }

  async drain(): Promise<number> {
    while (this.#acks.length > 0) await this.#oldest()
    return this.#last
  }

  async settle(): Promise<void> {
    await Promise.allSettled(this.#acks.map(({ ack }) => ack))
  }

  async #oldest(): Promise<void> {
    const oldest = this.#acks.shift()
    if (oldest === undefined) return
    this.#bytes -= oldest.bytes
    this.#last = await oldest.ack
  }
}
