import { toCloudEvent } from '../kernel/cloud-event.ts'
import type { Position, RecordedEvent } from '../ports/event-store.ts'

/** An event as clients get it: encoded when the first of them needs it, and then for all. */
export class EventMessage {
  readonly event: RecordedEvent
  #json: Buffer | undefined
  #serverSent: Buffer | undefined

  constructor(event: RecordedEvent) {
    this.event = event
  }

  get position(): Position {
    return this.event.position
  }

  /** Of what was stored; close to that of a message. */
  get size(): number {
    return this.event.raw.data.length + this.event.raw.metadata.length
  }

  /** A CloudEvent in JSON format. */
  get json(): Buffer {
    this.#json ??= Buffer.from(JSON.stringify(toCloudEvent(this.event)))
    return this.#json
  }

  /** JSON has no line break outside its strings, and escapes those inside. */
  get serverSent(): Buffer {
    this.#serverSent ??= Buffer.from(
      `id: ${this.position}\ndata: ${JSON.stringify(toCloudEvent(this.event))}\n\n`,
    )
    return this.#serverSent
  }
}
