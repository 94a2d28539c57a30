import { loggedType } from '../custom/events.ts'
import type { CompiledRule } from './compiled-rule.ts'
import { ExpressionCompiler } from './condition/condition.ts'
import { MAX_DEPTH, RuleEngine } from './evaluate.ts'
import type { RuleVerdict } from './evaluation.ts'
import { factTypes } from './facts.ts'
import type { RuleEvent } from './rule-event.ts'
import type { EventSchemas } from './rule-scope.ts'
import type { BeginWhatIf } from './what-if-messages.ts'
import { pastOf, typesOf } from './windows.ts'

// What a rule would have done, had it been there. Nothing is done.

export type WhatIfVerdict = Omit<RuleVerdict, 'ruleId' | 'version'> & {
  readonly eventId: string
  readonly eventType: string
  readonly position: string
  readonly time: string
  readonly subject: string
}

/** Of some events, in the order of the log. */
export type WhatIfFindings = {
  /** Events within the range. */
  readonly events: number
  readonly counts: Readonly<Partial<Record<RuleVerdict['verdict'], number>>>
  /** Positions of the events that match. */
  readonly matched: readonly string[]
  /** What was decided, other than that the rule does not match: the first ones of the range. */
  readonly shown: readonly WhatIfVerdict[]
}

/** One rule, asked about the past. */
export class WhatIf {
  readonly #engine: RuleEngine
  readonly #ruleId: string
  readonly #after: bigint
  #begun = false
  #left: number

  constructor(
    { rule, after, limit, tooDeep }: Omit<BeginWhatIf, 'session'>,
    schemaOf: EventSchemas,
  ) {
    const depths = tooDeep.map((eventId) => [eventId, MAX_DEPTH + 1] as const)
    this.#engine = new RuleEngine(schemaOf, new ExpressionCompiler(), depths)
    this.#engine.define(rule)
    this.#ruleId = rule.ruleId
    this.#after = after
    this.#left = limit
  }

  take(events: Iterable<RuleEvent>): WhatIfFindings {
    const counts: Partial<Record<RuleVerdict['verdict'], number>> = {}
    const matched: string[] = []
    const shown: WhatIfVerdict[] = []
    let within = 0
    for (const event of events) {
      const inRange = this.#begins(event)
      const evaluation = this.#engine.handle(event)
      if (!inRange) continue
      within += 1
      // It is off at times, and candidates are chosen: no answer means that it does not match.
      const { ruleId: _, version: __, ...answer } = evaluation?.rules[0] ?? NOT_MATCHED
      counts[answer.verdict] = (counts[answer.verdict] ?? 0) + 1
      if (evaluation === undefined || answer.verdict === 'not-matched') continue
      const { eventId, eventType, position, subject } = evaluation
      if (answer.verdict === 'matched') matched.push(position)
      if (this.#left > 0) {
        this.#left -= 1
        shown.push({ eventId, eventType, position, time: event.time, subject, ...answer })
      }
    }
    return { events: within, counts, matched, shown }
  }

  /** Whether the event is in the range; the rule is on from the first one that is. */
  #begins({ position }: RuleEvent): boolean {
    if (this.#begun || position <= this.#after) return this.#begun
    this.#engine.enable(this.#ruleId)
    this.#begun = true
    return true
  }
}

const NOT_MATCHED = { ruleId: '', version: 1, verdict: 'not-matched' } as const

/** What has to be read of the log so that the rule can be asked. */
export type WhatIfNeeds = {
  /** Types as the log has them. */
  readonly types: readonly string[]
  /** How much of the log before the range: all of it, or the longest window. */
  readonly before: 'everything' | { readonly ms: number }
}

export function needsOf(on: readonly string[], { windows, texts }: CompiledRule): WhatIfNeeds {
  const facts = factTypes(texts)
  const types = [...on, ...windows.flatMap(typesOf), ...facts].map(loggedType)
  const before = facts.length > 0 ? 'everything' : { ms: pastOf(windows) }
  return { types: [...new Set(types)], before }
}
