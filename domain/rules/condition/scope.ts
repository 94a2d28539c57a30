import type { CelType } from './cel-type.ts'

/** What a condition may name. */
export type ConditionScope = {
  /** Distinguishes scopes in a cache. */
  readonly key: string
  readonly roots: ReadonlyMap<string, CelType>
  /** The data of an event type that windows may ask about; a string says why they may not. */
  readonly pastEvent: (type: string) => CelType | string
}

/** The condition is refused: thrown while it is compiled, and never further than that. */
export class Refusal {
  readonly message: string
  readonly at: { readonly start: number; readonly end: number }

  constructor(message: string, at: { readonly start: number; readonly end: number }) {
    this.message = message
    this.at = { start: at.start, end: at.end }
  }
}
