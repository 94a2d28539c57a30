import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { Position } from '../../services/ports/event-store.ts'
import type { Awaited } from '../../services/ports/read-freshness.ts'
import { LOOK, type Places } from './checkpoints.ts'

/**
 * Where read models are by what was heard on the channel: what was told is committed, and as long
 * as nothing is missed it is all there is. One that nothing was heard of has to be looked at.
 */
export class HeardPlaces {
  readonly #schema: string
  readonly #names: readonly string[] | undefined
  readonly #places = new Map<string, Position>()

  constructor(schema: string, readModels: readonly AnyReadModel[] | undefined) {
    this.#schema = schema
    this.#names = readModels?.map(({ name }) => name)
  }

  /** @returns false when it concerns nobody here: read models are built in other schemas too. */
  hear(told: string = LOOK): boolean {
    if (told === LOOK) this.forget()
    else {
      const { schema, reached } = JSON.parse(told) as Places
      if (schema !== this.#schema) return false
      for (const [name, position] of Object.entries(reached))
        this.#places.set(name, BigInt(position))
    }
    return true
  }

  forget(): void {
    this.#places.clear()
  }

  /** @returns undefined when not all of those awaited were heard of. */
  reached(awaited: Awaited): Position | undefined {
    const names = typeof awaited === 'string' ? this.#names : awaited
    let lowest: Position | undefined
    for (const name of names ?? []) {
      const position = this.#places.get(name)
      if (position === undefined) return undefined
      if (lowest === undefined || position < lowest) lowest = position
    }
    return lowest
  }
}
