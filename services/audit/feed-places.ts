import { problem } from '../kernel/problem.ts'

export type FeedLimits = {
  /** Clients of the feed in this process, however they are connected. */
  readonly clients: number
  readonly clientsPerKey: number
}

/** How many clients the feed has, in all and for each key. */
export class FeedPlaces {
  readonly #limits: FeedLimits
  readonly #perKey = new Map<string, number>()
  #taken = 0

  constructor(limits: FeedLimits) {
    this.#limits = limits
  }

  /**
   * @returns what gives the place back.
   * @throws {ProblemError} 429 `too-many-streams` when the key has its share, 503 `feed-full`
   *   when the process has no place at all: another one may have.
   */
  take(key: string): () => void {
    const { clients, clientsPerKey } = this.#limits
    const ofKey = this.#perKey.get(key) ?? 0
    if (ofKey >= clientsPerKey)
      throw problem(
        429,
        'too-many-streams',
        `This key has ${clientsPerKey} event streams open; end one of them.`,
      )
    if (this.#taken >= clients)
      throw problem(503, 'feed-full', 'Too many clients follow the events here; retry.')
    this.#taken += 1
    this.#perKey.set(key, ofKey + 1)
    return () => this.#release(key)
  }

  #release(key: string): void {
    this.#taken -= 1
    const left = (this.#perKey.get(key) ?? 1) - 1
    if (left === 0) this.#perKey.delete(key)
    else this.#perKey.set(key, left)
  }
}
