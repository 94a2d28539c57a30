import type { SourceRange } from '@marcbachmann/cel-js'

/** One evaluation: what it reads, and what it may still cost. */
export type Run = {
  /** `event`, `facts`; in the filter of a window `it`. JSON values. */
  readonly roots: Readonly<Record<string, unknown>>
  /** What the window functions of the condition read, in the order of its `windows`. */
  readonly windows: readonly WindowReading[]
  /** Variables of `all`, `map` and so on, by the slot that each was given. */
  readonly locals: unknown[]
  /** Steps that are left: about one for each operation in a loop and for 64 characters that are copied or searched. */
  steps: number
  /** Where what is read is noted down, if it is. */
  readonly reads: Map<string, unknown> | undefined
}

/** Of one window, for one subject, at one instant. */
export type WindowReading = {
  /** Why there is no answer: what is in the window is more than is kept. */
  readonly fault?: string
  /** How many events there are. */
  readonly total: number
  /** How many of them pass the filter; all when there is none. */
  readonly matched: number
  /** Of the values of those that pass. */
  sum(): number
  /** Nearest rank; 0 when there are none. */
  percentile(fraction: number): number
}

export type Closure = (run: Run) => unknown

/** What an evaluation may cost. Nothing outside of loops and long texts comes near it. */
export const MAX_STEPS = 50_000

/** A run: an evaluation that ends without a value. Thrown by closures, and caught where they are called. */
export class EvaluationFault {
  readonly message: string
  readonly at: SourceRange
  /** The budget is used up: no `||` or `&&` makes up for it. */
  readonly final: boolean

  constructor(message: string, at: SourceRange, final = false) {
    this.message = message
    this.at = at
    this.final = final
  }
}

/** @throws {EvaluationFault} that is final, when there are no steps left. */
export function charge(run: Run, steps: number, at: SourceRange): void {
  run.steps -= steps
  if (run.steps < 0)
    throw new EvaluationFault(
      `It takes more than ${MAX_STEPS.toLocaleString('en')} steps.`,
      at,
      true,
    )
}

/** @throws {EvaluationFault} like `charge`. */
export function chargeText(run: Run, characters: number, at: SourceRange): void {
  if (characters > 64) charge(run, characters >> 6, at)
}
