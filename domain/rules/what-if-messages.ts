import type { RuleDefinition } from './live-rule.ts'

// What is sent to the thread that asks a rule about the past: the log in parts, one task each.

export type BeginWhatIf = {
  readonly session: string
  readonly rule: RuleDefinition
  /** Events up to this position only prepare windows and facts. */
  readonly after: bigint
  /** How many verdicts are shown in all. */
  readonly limit: number
  /** Ids of events whose effects were caused through too many rule actions. */
  readonly tooDeep: readonly string[]
}

/** Of an event; its data is the next element, as it was stored. */
export type EventHead = readonly [
  position: string,
  schemaVersion: number,
  type: string,
  eventId: string,
  stream: string,
  time: string,
  actorId: string,
  causationId: string,
]

export type ContinueWhatIf = {
  readonly session: string
  /** JSON text: an array that has each event's head and then its data. One text is copied faster than many objects. */
  readonly events: string
}

export type EndWhatIf = { readonly session: string }
