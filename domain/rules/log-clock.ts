import { LogMarks, type LogMarksData } from './log-marks.ts'

/** Clocks of several machines differ a little; a step back by more than this is a clock that was set. */
export const CLOCK_TOLERANCE_MS = 60_000

export type LogClockData = {
  readonly now: number
  readonly epoch: number
  readonly began: string
  readonly marks: LogMarksData
}

/**
 * The time by which windows count: that of the events, and no other clock. It never runs backwards; where
 * the events' times do by more than a minute, a new epoch begins and what was counted before is over.
 */
export class LogClock {
  /** Unix time, ms. */
  now = 0
  epoch = 0
  /** Position of the event that the epoch began with; 0n in the first one. */
  began = 0n
  /** The last event's own time, at most a minute before `now`. */
  time = 0
  /** Of this epoch. */
  readonly marks = new LogMarks()

  advance({ time, position }: { readonly time: string; readonly position: bigint }): void {
    this.time = Date.parse(time)
    if (this.now - this.time > CLOCK_TOLERANCE_MS) {
      this.now = this.time
      this.epoch += 1
      this.began = position
      this.marks.clear()
    } else {
      this.now = Math.max(this.now, this.time)
    }
    this.marks.pass({ position, now: this.now })
  }

  data(): LogClockData {
    const { now, epoch, began, marks } = this
    return { now, epoch, began: began.toString(), marks: marks.data() }
  }

  restore({ now, epoch, began, marks }: LogClockData): void {
    this.marks.restore(marks)
    Object.assign(this, { now, epoch, began: BigInt(began), time: now })
  }
}
