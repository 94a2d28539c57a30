type CausedEvent = {
  readonly eventId: string
  readonly causationId: string
  readonly type: string
}

/** Ids that are remembered; a loop that takes more events than this to come round is none that hurts. */
const MAX_REMEMBERED = 100_000

export type CausalDepthData = readonly (readonly [eventId: string, depth: number])[]

/** Through how many rule actions each event was caused, by the causation ids of the log alone. */
export class CausalDepth {
  /** Of what an event causes. Events that no rule had a part in are not here. */
  readonly #depths: Map<string, number>

  constructor(data: CausalDepthData = []) {
    this.#depths = new Map(data)
  }

  /** @returns the event's depth; what it causes is one deeper when it is an evaluation. */
  observe({ eventId, causationId, type }: CausedEvent): number {
    const depth = this.#depths.get(causationId) ?? 0
    const caused = type === 'RulesEvaluated' ? depth + 1 : depth
    if (caused > 0) this.#remember(eventId, caused)
    return depth
  }

  #remember(eventId: string, depth: number): void {
    this.#depths.set(eventId, depth)
    const [oldest = eventId] = this.#depths.keys()
    if (this.#depths.size > MAX_REMEMBERED) this.#depths.delete(oldest)
  }

  data(): CausalDepthData {
    return [...this.#depths]
  }
}
