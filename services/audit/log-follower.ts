import { setImmediate as othersTurn } from 'node:timers/promises'
import type { SubjectErasedEvent } from '../../domain/privacy/events.ts'
import { withCorrelation } from '../kernel/correlation.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import { EventMessage } from './event-message.ts'
import { RecentEvents } from './recent-events.ts'

const BATCH = 200
const SUBJECT_ERASED: SubjectErasedEvent['type'] = 'SubjectErased'
/** Of live events: then connections get to take what was sent. */
const BREATH_CHARACTERS = 128 * 1024

export type LogFollowerDeps = {
  readonly store: EventStore
  readonly logger: Logger
  /** Called with each new event, in order; by then `RecentEvents` has it. */
  readonly onEvent: (message: EventMessage) => void
  /** Called when the log cannot be followed any more; the next `follow` tries again. */
  readonly onLost: () => void
}

/** The end of the log, followed once for all who want to know of it. */
export class LogFollower {
  readonly #deps: LogFollowerDeps
  #following: { readonly recent: Promise<RecentEvents>; readonly stop: AbortController } | undefined

  constructor(deps: LogFollowerDeps) {
    this.#deps = deps
  }

  /** Begins at the end of the log when it is not under way. @throws when the log cannot be reached. */
  async follow(): Promise<RecentEvents> {
    if (this.#following !== undefined) return await this.#following.recent
    const stop = new AbortController()
    const recent = this.#deps.store.head().then((head) => new RecentEvents(head))
    this.#following = { recent, stop }
    // Belongs to no request, least of all to the one that happened to come first.
    void withCorrelation('event-feed', () => this.#keepFollowing(recent, stop.signal))
    return await recent
  }

  stop(): void {
    this.#following?.stop.abort()
    this.#following = undefined
  }

  async #keepFollowing(recent: Promise<RecentEvents>, signal: AbortSignal): Promise<void> {
    try {
      await this.#run(await recent, signal)
    } catch (error) {
      this.#deps.logger.warn({ err: error }, 'The event feed cannot follow the log.')
    }
    if (signal.aborted) return
    this.#following = undefined
    this.#deps.onLost()
  }

  async #run(recent: RecentEvents, signal: AbortSignal): Promise<void> {
    const { store, onEvent } = this.#deps
    const options = { after: recent.through, signal, maxBatch: BATCH }
    for await (const { events, through } of store.follow(options)) {
      let characters = 0
      for (const event of events) {
        const message = new EventMessage(event)
        // What is in memory was decrypted before: nobody is told the person's data any more.
        if (event.type === SUBJECT_ERASED) recent.forget()
        recent.add(message)
        onEvent(message)
        characters += message.size
        if (characters < BREATH_CHARACTERS) continue
        characters = 0
        await othersTurn()
      }
      recent.reach(through)
    }
  }
}
