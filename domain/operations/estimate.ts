/** How far a rebuild has come through the log, and for how long it has been at it. */
export type Done = {
  readonly events: number
  /** Share of the way to the end, from 0 to 1. */
  readonly share: number
  readonly elapsedMs: number
}

export type Estimate = {
  /** Whole per cent; 100 only at the end. */
  readonly percent: number
  /** Events in all, if the rest of the log holds as many as what was read; undefined before the first. */
  readonly totalEvents?: number
  /** On average since the start. */
  readonly eventsPerSecond: number
  /** Undefined as long as nothing is known. */
  readonly secondsLeft?: number
}

/** What the way so far says of the rest: the log is taken to be alike everywhere. */
export function estimate({ events, share, elapsedMs }: Done): Estimate {
  const eventsPerSecond = elapsedMs > 0 ? Math.round((events * 1_000) / elapsedMs) : 0
  if (share <= 0) return { percent: 0, eventsPerSecond }
  if (share >= 1) return { percent: 100, totalEvents: events, eventsPerSecond, secondsLeft: 0 }
  return {
    percent: Math.floor(share * 100),
    totalEvents: Math.round(events / share),
    eventsPerSecond,
    secondsLeft: Math.ceil((elapsedMs * (1 - share)) / share / 1_000),
  }
}
