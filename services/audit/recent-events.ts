import type { Position } from '../ports/event-store.ts'
import type { EventMessage } from './event-message.ts'

const MAX_EVENTS = 1_024
const MAX_CHARACTERS = 4 * 1024 * 1024

/** The end of the log as far as it was followed, in memory: who was away for a moment goes on from here. */
export class RecentEvents {
  #messages: EventMessage[] = []
  #characters = 0
  #after: Position
  #through: Position

  constructor(start: Position) {
    this.#after = start
    this.#through = start
  }

  /** Every event after this position and up to `through` is here. */
  get after(): Position {
    return this.#after
  }

  get through(): Position {
    return this.#through
  }

  add(message: EventMessage): void {
    this.#messages.push(message)
    this.#characters += message.size
    this.#through = message.position
    while (this.#messages.length > MAX_EVENTS || this.#characters > MAX_CHARACTERS) {
      const oldest = this.#messages.shift()
      if (oldest === undefined) return
      this.#characters -= oldest.size
      this.#after = oldest.position
    }
  }

  /** Drops all of it: who needs it reads the store. */
  forget(): void {
    this.#messages = []
    this.#characters = 0
    this.#after = this.#through
  }

  /** No event is between the newest one and `position`. */
  reach(position: Position): void {
    if (position > this.#through) this.#through = position
  }

  /** The first event after `position`; undefined when it is still to come. */
  next(position: Position): EventMessage | undefined {
    let low = 0
    let high = this.#messages.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#messages[middle]?.position ?? position) > position) high = middle
      else low = middle + 1
    }
    return this.#messages[low]
  }
}
