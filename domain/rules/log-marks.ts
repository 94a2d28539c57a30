import { MAX_DURATION_MS } from './window-spec.ts'

/** What was up to `position` was not later than `now`, Unix ms. */
export type LogMark = { readonly position: bigint; readonly now: number }

export type LogMarksData = {
  readonly spacing: number
  readonly since: number
  readonly marks: readonly (readonly [position: string, now: number])[]
}

const MAX_MARKS = 256
const MIN_SPACING = 64
/** Of the longest window, with the part that its old edge is in. */
const KEPT_MS = 2 * MAX_DURATION_MS

/** Where in the log its times are, so that it is read from there and need not be searched. */
export class LogMarks {
  #marks: LogMark[] = []
  /** Events between two marks: more, the more events there are. */
  #spacing = MIN_SPACING
  #since = 0

  /** @param mark of the next event. */
  pass(mark: LogMark): void {
    this.#since += 1
    if (this.#since < this.#spacing) return
    this.#since = 0
    this.#marks.push(mark)
    while ((this.#marks[1]?.now ?? mark.now) < mark.now - KEPT_MS) this.#marks.shift()
    if (this.#marks.length <= MAX_MARKS) return
    this.#marks = this.#marks.filter((_, index) => index % 2 === 0)
    this.#spacing *= 2
  }

  /** The last one before an instant; undefined when there is none. */
  before(instant: number): LogMark | undefined {
    return this.#marks.findLast(({ now }) => now < instant)
  }

  clear(): void {
    this.#marks = []
    this.#spacing = MIN_SPACING
    this.#since = 0
  }

  data(): LogMarksData {
    const marks = this.#marks.map(({ position, now }) => [position.toString(), now] as const)
    return { spacing: this.#spacing, since: this.#since, marks }
  }

  restore({ spacing, since, marks }: LogMarksData): void {
    this.#spacing = spacing
    this.#since = since
    this.#marks = marks.map(([position, now]) => ({ position: BigInt(position), now }))
  }
}
