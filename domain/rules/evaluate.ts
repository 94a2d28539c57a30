import { CausalDepth, type CausalDepthData } from './causal-depth.ts'
import { type CompiledExpression, ExpressionCompiler, evaluate } from './condition/condition.ts'
import { MAX_STEPS, type Run } from './condition/run.ts'
import type { ReadValue, RulesEvaluated, RuleVerdict } from './evaluation.ts'
import { Facts } from './facts.ts'
import type { Filling } from './filling.ts'
import { shown } from './json-value.ts'
import type { LiveRule, RuleDefinition } from './live-rule.ts'
import { LogClock, type LogClockData } from './log-clock.ts'
import { oweActions } from './owed-action.ts'
import type { RuleEvent } from './rule-event.ts'
import { type EventSchemas, windowScope } from './rule-scope.ts'
import { RuleSet, type RuleSetData } from './rule-set.ts'
import { type Subject, subjectOf } from './subject.ts'
import type { WindowSpec } from './window-spec.ts'
import { Windows } from './windows.ts'

/** An event that was caused through more rule actions than this fires none. */
export const MAX_DEPTH = 8
/** What all rules together may cost that one event is evaluated for: some tens of milliseconds. */
const MAX_EVENT_STEPS = 1_000_000
/** Values that are recorded of a match. */
const MAX_VALUES = 32
/** Candidates that one event is evaluated for. An append takes a megabyte, and each verdict 100 bytes or more. */
const MAX_ASKED = 4_000
/** Characters that the matches of one event, and the reasons of the other verdicts, may take in all. */
const MAX_MATCHES = 150_000
const MAX_REASONS = 20_000

export type RuleEngineData = {
  readonly clock: LogClockData
  readonly rules: RuleSetData
  readonly facts: ReturnType<Facts['data']>
  readonly windows: ReturnType<Windows['data']>
  readonly depths: CausalDepthData
}

/**
 * The rules of one tenant, and all that they go by. Given the events of the tenant in the order of the
 * log, it decides the same whenever and wherever it is asked: there is no clock but the events' own.
 */
export class RuleEngine {
  readonly #schemaOf: EventSchemas
  readonly #compiler: ExpressionCompiler
  readonly #clock = new LogClock()
  readonly #facts = new Facts()
  readonly #windows: Windows
  readonly #rules: RuleSet
  #depths: CausalDepth

  /**
   * @param compiler may be shared by engines: what it remembers depends on texts alone.
   * @param depths of what events caused that it does not get to see.
   */
  constructor(
    schemaOf: EventSchemas,
    compiler = new ExpressionCompiler(),
    depths: CausalDepthData = [],
  ) {
    this.#depths = new CausalDepth(depths)
    this.#schemaOf = schemaOf
    this.#compiler = compiler
    this.#windows = new Windows((spec) => this.#compileWindow(spec))
    this.#rules = new RuleSet(schemaOf, compiler, this.#windows)
  }

  #compileWindow({ type, filter, value }: WindowSpec) {
    const scope = windowScope(type, this.#schemaOf)
    const compile = (text: string | undefined): CompiledExpression | undefined => {
      if (text === undefined) return undefined
      const compiled = this.#compiler.compile(text, scope, 'any')
      return 'expression' in compiled ? compiled.expression : undefined
    }
    return { filter: compile(filter), value: compile(value) }
  }

  /**
   * A rule, or a new version of one, counts for the events that come. It is off until it is enabled. Its windows
   * are filled before it is asked; before the first event there is nothing that they could be filled with.
   */
  define(definition: RuleDefinition): void {
    this.#rules.define(definition, this.#clock.now === 0)
  }

  enable(ruleId: string): void {
    this.#rules.change(ruleId, { enabled: true })
  }

  disable(ruleId: string): void {
    this.#rules.change(ruleId, { enabled: false })
  }

  suspend(ruleId: string): void {
    this.#rules.change(ruleId, { suspended: true })
  }

  resume(ruleId: string): void {
    this.#rules.resume(ruleId)
  }

  remove(ruleId: string): void {
    this.#rules.remove(ruleId)
  }

  /**
   * What has to be done before an event of this type is handled.
   *
   * @returns undefined for nothing, as nearly always.
   */
  filling(type: string): Filling | undefined {
    return this.#rules.filling(type, this.#clock)
  }

  /**
   * Takes the next event of the log into account and says what the rules make of it.
   *
   * @returns undefined when no rule had to be asked.
   */
  handle(event: RuleEvent): RulesEvaluated | undefined {
    this.#clock.advance(event)
    const depth = this.#depths.observe(event)
    const subject = subjectOf(event)
    if (subject === undefined) return undefined
    this.#facts.apply(event, subject)
    this.#windows.apply(event, subject.id, this.#clock)
    const view = viewOf(event, subject)
    const rules = this.#rules.candidates(event.type, view)
    if (rules.length === 0) return undefined
    const notAsked = Math.max(0, rules.length - MAX_ASKED)
    return {
      eventId: event.eventId,
      eventType: event.type,
      position: String(event.position),
      subject: subject.id,
      depth,
      rules: this.#ask(rules.slice(0, MAX_ASKED), view, subject, depth),
      ...(notAsked === 0 ? {} : { notAsked }),
    }
  }

  #ask(
    rules: readonly LiveRule[],
    view: Readonly<Record<string, unknown>>,
    subject: Subject,
    depth: number,
  ): RuleVerdict[] {
    const roots = { event: view, facts: this.#facts.of(subject) }
    const spent = { steps: 0 }
    let stopped = false
    let [matches, reasons] = [MAX_MATCHES, MAX_REASONS]
    return rules.map((rule) => {
      const id = { ruleId: rule.definition.ruleId, version: rule.definition.version }
      if (stopped) return { ...id, verdict: 'stopped' }
      const answer = this.#verdict(rule, { roots, spent }, subject, depth, matches)
      if (answer.verdict === 'matched') matches -= JSON.stringify(answer).length
      const held = answer.verdict !== 'not-matched' && answer.verdict !== 'failed'
      stopped = held && rule.settings.stopAfter
      const { reason, ...bare } = answer
      reasons -= reason?.length ?? 0
      return reason === undefined || reasons < 0 ? { ...id, ...bare } : { ...id, ...bare, reason }
    })
  }

  #verdict(
    rule: LiveRule,
    { roots, spent }: { readonly roots: Run['roots']; readonly spent: { steps: number } },
    subject: Subject,
    depth: number,
    left: number,
  ): Omit<RuleVerdict, 'ruleId' | 'version'> {
    const { compiled, settings } = rule
    if (compiled === undefined) return { verdict: 'failed', reason: rule.problem }
    if (spent.steps > MAX_EVENT_STEPS) return TOO_MUCH_TOGETHER
    const on = (expression: CompiledExpression) => ({
      roots,
      spent,
      steps: MAX_STEPS,
      windows: expression.windows.map((spec) => rule.window(spec).read(subject.id, this.#clock)),
    })
    const asked = on(compiled.condition)
    const outcome = evaluate(compiled.condition, asked)
    if ('fault' in outcome) return { verdict: 'failed', reason: outcome.fault }
    if (outcome.value === false) return { verdict: 'not-matched' }
    if (outcome.value !== true) return { verdict: 'failed', reason: 'The condition is not a bool.' }
    if (depth > MAX_DEPTH)
      return {
        verdict: 'too-deep',
        reason: `The event was caused through ${depth} rule actions, more than ${MAX_DEPTH}.`,
      }
    const owed = oweActions(compiled.actions, on)
    if ('fault' in owed) return { verdict: 'failed', reason: owed.fault }
    const values = readsOf(compiled.condition, asked)
    if (JSON.stringify([values, owed.actions]).length > left)
      return { verdict: 'failed', reason: 'The event owes too much already.' }
    return (
      this.#limited(rule, settings, subject) ?? {
        verdict: 'matched',
        values,
        actions: owed.actions,
      }
    )
  }

  /** @returns undefined when the rule may fire. */
  #limited(
    rule: LiveRule,
    settings: LiveRule['settings'],
    subject: Subject,
  ): Pick<RuleVerdict, 'verdict' | 'reason'> | undefined {
    const { throttle, budgetPerMinute } = settings
    switch (rule.limits.admit(settings, subject.id, this.#clock)) {
      case 'fires':
        return undefined
      case 'throttled':
        return {
          verdict: 'throttled',
          reason: `It fires at most ${throttle?.firings} times in ${throttle?.seconds} s for one subject.`,
        }
      case 'over-budget':
        this.suspend(rule.definition.ruleId)
        return {
          verdict: 'suspended',
          reason: `It would fire more than ${budgetPerMinute} times in a minute.`,
        }
    }
  }

  /** JSON. What `restore` makes of it decides the same from then on. */
  data(): RuleEngineData {
    return {
      clock: this.#clock.data(),
      rules: this.#rules.data(),
      facts: this.#facts.data(),
      windows: this.#windows.data(this.#clock),
      depths: this.#depths.data(),
    }
  }

  /** Of an engine that has seen nothing yet. */
  restore({ clock, rules, facts, windows, depths }: RuleEngineData): void {
    this.#clock.restore(clock)
    this.#rules.restore(rules, () => this.#windows.restore(windows, this.#clock))
    this.#facts.restore(facts)
    this.#depths = new CausalDepth(depths)
  }

  /** For metrics. */
  sizes(): { readonly rules: number; readonly windows: number; readonly slots: number } {
    return { rules: this.#rules.size, ...this.#windows.sizes() }
  }
}

const TOO_MUCH_TOGETHER = {
  verdict: 'failed',
  reason: `The rules of this event take more than ${MAX_EVENT_STEPS.toLocaleString('en')} steps together.`,
} as const

/** What `event` is in a condition. */
function viewOf(event: RuleEvent, subject: Subject): Readonly<Record<string, unknown>> {
  const { type, eventId, time, actorId, stream, data } = event
  return { type, id: eventId, time, subject: subject.id, actor: actorId, stream, data }
}

/** Evaluates once more, and notes down what is read: only matches pay for that. */
function readsOf(
  condition: CompiledExpression,
  subject: Parameters<typeof evaluate>[1],
): ReadValue[] {
  const reads = new Map<string, unknown>()
  evaluate(condition, subject, reads)
  return [...reads]
    .slice(0, MAX_VALUES)
    .map(([path, value]) => ({ path: path.slice(0, 300), value: shown(value) }))
}
