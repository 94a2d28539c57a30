import type { Position } from './event-store.ts'

/** How far the rows are that are being made beside the ones that queries see. */
export type RebuildProgress = {
  readonly version: number
  /** `switching`: they are all there and take the others' place. */
  readonly phase: 'building' | 'switching'
  /** How many were folded. */
  readonly events: number
  readonly position: Position
  /** The position that it has to reach. */
  readonly until: Position
  readonly startedAt: Date
  readonly elapsedMs: number
}

export type ReadModelState = {
  readonly readModel: string
  /** Of the rows; 0 = none were built yet. */
  readonly version: number
  /** Of the rows that this program makes. */
  readonly programVersion: number
  /** `building`: rows of this program's version are being made beside the ones that queries see. */
  readonly state: 'live' | 'building' | 'stopped'
  /** Why it is stopped; null when it is not. */
  readonly cause: string | null
  readonly position: Position
  /** Distance to the end of the log, in the unit of its positions; 0n = nothing is missing. */
  readonly lag: bigint
  /** Streams of the asking tenant whose events it leaves out. */
  readonly parkedStreams: number
  /** Null when nobody rebuilds it now. */
  readonly rebuild: RebuildProgress | null
}

/** An event that a read model leaves out, because it or an earlier one of its stream could not be projected. */
export type ParkedEventState = {
  readonly readModel: string
  readonly stream: string
  /** What was wrong with the event that parked the stream. */
  readonly cause: string
  readonly eventId: string
  readonly type: string
  readonly revision: bigint
  readonly position: Position
}

export type ParkedQuery = {
  readonly tenantId: string
  readonly readModel?: string
  readonly limit: number
  /** The last one of the page before. */
  readonly after?: { readonly position: Position; readonly readModel: string }
}

export type ParkedStream = {
  readonly tenantId: string
  readonly readModel: string
  readonly stream: string
}

export type RetryOutcome =
  | { readonly outcome: 'projected'; readonly events: number }
  | { readonly outcome: 'parked-again'; readonly events: number; readonly cause: string }
  | { readonly outcome: 'not-parked' }

/** What the projector does and what it left out, for operators. */
export interface Projections {
  states(tenantId: string): Promise<readonly ReadModelState[]>
  /** Oldest first. */
  parked(query: ParkedQuery): Promise<readonly ParkedEventState[]>
  /** Projects the stream's parked events in order, as far as they go; `events` is how many did. */
  retry(stream: ParkedStream): Promise<RetryOutcome>
}
