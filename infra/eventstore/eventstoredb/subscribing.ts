import {
  type AllStreamResolvedEvent,
  type AllStreamSubscription,
  type EventStoreDBClient,
  eventTypeFilter,
  excludeSystemEvents,
  type Filter,
  type Position as LogPosition,
  streamNameFilter,
} from '@eventstore/db-client'
import { type EventFilter, type Position, passes } from '../../../services/ports/event-store.ts'
import type { EventCodec } from '../codec.ts'
import { toStoredEvent } from './events.ts'
import type { FeedBuffer } from './feed-buffer.ts'
import type { Reader } from './read.ts'

export type SubscribingOptions = EventFilter & {
  readonly client: EventStoreDBClient
  readonly reader: Reader
  readonly codec: EventCodec
  readonly buffer: FeedBuffer
  readonly signal: AbortSignal
  /** Exclusive. */
  readonly from: Position
  /** True while the server is to leave out what does not pass the filter; then it ends when caught up. */
  readonly isSelective: boolean
  readonly timeoutMs: number
}

export type Ending =
  | { readonly kind: 'caught-up' }
  | { readonly kind: 'stopped' }
  /** `begun`: the server had confirmed it. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly begun: boolean }

/** One subscription of the client, from its call to whatever ends it. */
export class Subscribing {
  readonly #options: SubscribingOptions
  readonly #subscription: AllStreamSubscription
  #begun = false
  #isOver = false
  /** A checkpoint that came while events from before it were still on their way to us. */
  #checkpoint: Position | undefined
  /** Where the last check found the log ahead of us. */
  #behindAt: Position | undefined
  #finish: (ending: Ending) => void = () => {}

  constructor(options: SubscribingOptions) {
    this.#options = options
    this.#subscription = options.client.subscribeToAll({
      fromPosition: options.from > 0n ? { commit: options.from, prepare: options.from } : 'start',
      filter: this.#serverFilter(),
    })
  }

  async run(): Promise<Ending> {
    const { signal, timeoutMs } = this.#options
    const stop = () => this.#finish({ kind: 'stopped' })
    const check = setInterval(() => void this.#check(), timeoutMs)
    signal.addEventListener('abort', stop)
    try {
      return await new Promise<Ending>((resolve) => {
        this.#finish = resolve
        if (signal.aborted) stop()
        this.#listen()
      })
    } finally {
      this.#isOver = true
      clearInterval(check)
      signal.removeEventListener('abort', stop)
      // Rejects when there never was a call.
      this.#subscription.unsubscribe().catch(() => {})
      this.#subscription.destroy()
    }
  }

  #listen(): void {
    const subscription = this.#subscription
    // Stays on for good: the call's error may come when this is long over.
    subscription.on('error', (error) => this.#fail(error))
    subscription.on('end', () => this.#fail(new Error('The server ended the subscription.')))
    subscription.on('confirmation', () => {
      this.#begun = true
    })
    subscription.on('caughtUp', () => {
      if (this.#options.isSelective) this.#finish({ kind: 'caught-up' })
    })
    subscription.on('data', (resolved) => this.#receive(resolved))
  }

  #receive(resolved: AllStreamResolvedEvent): void {
    if (this.#isOver) return
    const { buffer, codec } = this.#options
    const event = toStoredEvent(resolved)
    if (event !== undefined && passes(this.#options, event)) buffer.add(codec.decode(event))
    else buffer.skipTo(resolved.event?.position.commit ?? 0n)
    if (this.#subscription.readableLength === 0) this.#passCheckpoint()
    if (!buffer.isFull) return
    this.#subscription.pause()
    void buffer.untilRoom().then(() => this.#subscription.resume())
  }

  /** The client reports a checkpoint as it arrives, which may be before it hands over older events. */
  #reach({ commit }: LogPosition): void {
    this.#checkpoint = commit
    if (this.#subscription.readableLength === 0) this.#passCheckpoint()
  }

  #passCheckpoint(): void {
    if (this.#isOver || this.#checkpoint === undefined) return
    this.#options.buffer.skipTo(this.#checkpoint)
    this.#checkpoint = undefined
  }

  /** A subscription can be silent because there is nothing, or because it is dead. */
  async #check(): Promise<void> {
    const { buffer, reader, timeoutMs } = this.#options
    if (!this.#begun) return this.#fail(new Error(`No confirmation within ${timeoutMs} ms.`))
    if (buffer.isFull) return
    const { seen } = buffer
    try {
      const isBehind = (await reader.head()) > seen && buffer.seen === seen
      if (isBehind && this.#behindAt === seen) this.#fail(new Error('The subscription is silent.'))
      this.#behindAt = isBehind ? seen : undefined
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#finish({ kind: 'failed', error, begun: this.#begun })
  }

  #serverFilter(): Filter {
    const { types, streams, tenantId, isSelective } = this.#options
    const checkpointReached = (_: AllStreamSubscription, position: LogPosition) =>
      this.#reach(position)
    if (isSelective && streams !== undefined)
      return streamNameFilter({ regex: oneOf(streams), checkpointReached })
    if (isSelective && types !== undefined)
      return eventTypeFilter({ regex: oneOf(types), checkpointReached })
    if (isSelective && tenantId !== undefined)
      return streamNameFilter({
        regex: `^[^$-][^-]*-${escaped(tenantId)}\\.`,
        checkpointReached,
      })
    return excludeSystemEvents({ checkpointReached })
  }
}

function oneOf(literals: readonly string[]): string {
  return `^(${literals.map(escaped).join('|')})$`
}

function escaped(literal: string): string {
  return literal.replaceAll(/[\\^$.*+?()[\]{}|#\s-]/g, '\\$&')
}
