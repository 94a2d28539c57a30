import type { FeedBatch, Position, RecordedEvent } from '../../../services/ports/event-store.ts'

/** The server drops a live subscriber that is some 200 events behind, so we hold more than that. */
const FULL_EVENTS = 4_096
const FULL_CHARACTERS = 16 * 1024 * 1024

/** What a follower has received and its consumer has not taken yet. */
export class FeedBuffer {
  readonly #signal: AbortSignal
  #events: RecordedEvent[] = []
  #characters = 0
  #seen: Position
  #reported: Position
  #wakeTaker = () => {}
  #wakeFiller = () => {}

  constructor(after: Position, signal: AbortSignal) {
    this.#seen = after
    this.#reported = after
    this.#signal = signal
    signal.addEventListener('abort', () => this.#wake(), { once: true })
  }

  /** Nothing up to here is still to be received. */
  get seen(): Position {
    return this.#seen
  }

  get isFull(): boolean {
    return this.#events.length >= FULL_EVENTS || this.#characters >= FULL_CHARACTERS
  }

  add(event: RecordedEvent): void {
    if (event.position <= this.#seen) return
    this.#events.push(event)
    this.#characters += sizeOf(event)
    this.skipTo(event.position)
  }

  /** Nothing that the consumer wants is between what was seen and `position`. */
  skipTo(position: Position): void {
    if (position <= this.#seen) return
    this.#seen = position
    this.#wakeTaker()
  }

  /** Resolves when the buffer is not full, or when the following stops. */
  async untilRoom(): Promise<void> {
    while (this.isFull && !this.#signal.aborted)
      await new Promise<void>((resolve) => {
        this.#wakeFiller = resolve
      })
  }

  /** @returns undefined when the following stops. */
  async take(maxBatch: number): Promise<FeedBatch | undefined> {
    while (this.#seen === this.#reported && !this.#signal.aborted)
      await new Promise<void>((resolve) => {
        this.#wakeTaker = resolve
      })
    if (this.#signal.aborted) return undefined
    const events = this.#events.slice(0, maxBatch)
    this.#events = this.#events.slice(maxBatch)
    for (const event of events) this.#characters -= sizeOf(event)
    const last = this.#events.length === 0 ? this.#seen : events.at(-1)?.position
    this.#reported = last ?? this.#seen
    this.#wakeFiller()
    return { events, through: this.#reported }
  }

  #wake(): void {
    this.#wakeTaker()
    this.#wakeFiller()
  }
}

function sizeOf({ raw }: RecordedEvent): number {
  return raw.data.length + raw.metadata.length
}
