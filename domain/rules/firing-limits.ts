import type { RuleSettings } from './rule-settings.ts'

const MINUTE_MS = 60_000
/** The one that was quiet for longest is forgotten when there are more: it may then fire too soon. */
const MAX_SUBJECTS = 10_000

export type FiringLimitsData = {
  readonly epoch: number
  readonly fired: readonly number[]
  readonly bySubject: readonly (readonly [string, readonly number[]])[]
}

/** When a rule fired, as far back as its throttle and its budget ask. Instants by the clock of the log. */
export class FiringLimits {
  readonly #bySubject = new Map<string, readonly number[]>()
  #fired: readonly number[] = []
  #epoch = 0

  /** Counts a firing unless it is one too many. */
  admit(
    { throttle, budgetPerMinute }: Pick<RuleSettings, 'throttle' | 'budgetPerMinute'>,
    subject: string,
    { now, epoch }: { readonly now: number; readonly epoch: number },
  ): 'fires' | 'throttled' | 'over-budget' {
    if (epoch !== this.#epoch) this.forget(epoch)
    const recent = (times: readonly number[], ms: number) => times.filter((at) => at > now - ms)
    const ofSubject =
      throttle && recent(this.#bySubject.get(subject) ?? [], throttle.seconds * 1_000)
    if (throttle && ofSubject && ofSubject.length >= throttle.firings) return 'throttled'
    this.#fired = recent(this.#fired, MINUTE_MS)
    if (this.#fired.length >= budgetPerMinute) return 'over-budget'
    this.#fired = [...this.#fired, now]
    if (ofSubject) this.#remember(subject, [...ofSubject, now])
    return 'fires'
  }

  #remember(subject: string, times: readonly number[]): void {
    this.#bySubject.delete(subject)
    this.#bySubject.set(subject, times)
    const [quietest = subject] = this.#bySubject.keys()
    if (this.#bySubject.size > MAX_SUBJECTS) this.#bySubject.delete(quietest)
  }

  forget(epoch = this.#epoch): void {
    this.#epoch = epoch
    this.#fired = []
    this.#bySubject.clear()
  }

  data(): FiringLimitsData {
    return { epoch: this.#epoch, fired: this.#fired, bySubject: [...this.#bySubject] }
  }

  restore({ epoch, fired, bySubject }: FiringLimitsData): void {
    this.#epoch = epoch
    this.#fired = fired
    for (const [subject, times] of bySubject) this.#bySubject.set(subject, times)
  }
}
