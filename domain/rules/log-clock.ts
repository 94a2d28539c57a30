/** Clocks of several machines differ a little; a step back by more than this is a clock that was set. */
const TOLERANCE_MS = 60_000

/**
 * The time by which windows count: that of the events, and no other clock. It never runs backwards; where
 * the events' times do by more than a minute, a new epoch begins and what was counted before is over.
 */
export class LogClock {
  /** Unix time, ms. */
  now = 0
  epoch = 0

  advance(time: string): void {
    const ms = Date.parse(time)
    if (ms >= this.now) {
      this.now = ms
    } else if (this.now - ms > TOLERANCE_MS) {
      this.now = ms
      this.epoch += 1
    }
  }
}
