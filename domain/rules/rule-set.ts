import { compileRule } from './compiled-rule.ts'
import type { ExpressionCompiler } from './condition/condition.ts'
import { Filling } from './filling.ts'
import type { FiringLimitsData } from './firing-limits.ts'
import { LiveRule, type RuleDefinition } from './live-rule.ts'
import type { LogClock } from './log-clock.ts'
import { RuleIndex } from './rule-index.ts'
import type { EventSchemas } from './rule-scope.ts'
import type { Windows } from './windows.ts'

export type RuleSetData = readonly {
  readonly definition: RuleDefinition
  readonly enabled: boolean
  readonly suspended: boolean
  readonly limits: FiringLimitsData
}[]

/** The rules of one tenant as they stand now. */
export class RuleSet {
  readonly #schemaOf: EventSchemas
  readonly #compiler: ExpressionCompiler
  readonly #windows: Windows
  readonly #rules = new Map<string, LiveRule>()
  readonly #index = new RuleIndex<LiveRule>()
  /** Rules that are asked, but for windows that have to be filled first. */
  readonly #unready = new Set<LiveRule>()

  constructor(schemaOf: EventSchemas, compiler: ExpressionCompiler, windows: Windows) {
    this.#schemaOf = schemaOf
    this.#compiler = compiler
    this.#windows = windows
  }

  /** @param isFirst that nothing happened before it. */
  define(definition: RuleDefinition, isFirst: boolean): void {
    const before = this.#rules.get(definition.ruleId)
    const compiled = compileRule(definition.settings, this.#schemaOf, this.#compiler)
    const rule = new LiveRule(definition, compiled, this.#windows, before, isFirst)
    if (before !== undefined) this.#drop(before)
    this.#rules.set(definition.ruleId, rule)
    this.#place(rule)
  }

  change(ruleId: string, change: Partial<Pick<LiveRule, 'enabled' | 'suspended'>>): void {
    const rule = this.#rules.get(ruleId)
    if (rule === undefined) return
    Object.assign(rule, change)
    this.#place(rule)
  }

  /** Its budget begins anew. */
  resume(ruleId: string): void {
    this.#rules.get(ruleId)?.limits.forget()
    this.change(ruleId, { suspended: false })
  }

  remove(ruleId: string): void {
    const rule = this.#rules.get(ruleId)
    if (rule === undefined) return
    this.#drop(rule)
    this.#rules.delete(ruleId)
  }

  #place(rule: LiveRule): void {
    if (rule.isAsked) this.#index.add(rule, rule.settings.on, rule.conjuncts)
    else this.#index.remove(rule)
    if (rule.isAsked && rule.unfilled.length > 0) this.#unready.add(rule)
    else this.#unready.delete(rule)
  }

  #drop(rule: LiveRule): void {
    this.#index.remove(rule)
    this.#unready.delete(rule)
    rule.release(this.#windows)
  }

  /** Those whose condition can be true of the event, in the order in which they are asked. */
  candidates(type: string, event: unknown): readonly LiveRule[] {
    const found = this.#index.candidates(type, event)
    return found.size === 0 ? NONE : [...found].toSorted((a, b) => a.compare(b))
  }

  /** @returns undefined when none that listens to the type needs one. */
  filling(type: string, clock: LogClock): Filling | undefined {
    if (this.#unready.size === 0) return undefined
    const unready = [...this.#unready]
    if (!unready.some(({ settings }) => settings.on.includes(type))) return undefined
    const windows = new Set(unready.flatMap(({ unfilled }) => unfilled))
    return new Filling(windows, clock, () => {
      for (const window of windows) this.#windows.follow(window)
      this.#unready.clear()
    })
  }

  get size(): number {
    return this.#rules.size
  }

  data(): RuleSetData {
    return [...this.#rules.values()].map(({ definition, enabled, suspended, limits }) => ({
      ...{ definition, enabled, suspended },
      limits: limits.data(),
    }))
  }

  /** @param windows puts into those that the rules have what they held. */
  restore(rules: RuleSetData, windows: () => void): void {
    for (const { definition } of rules) this.define(definition, false)
    windows()
    for (const { definition, enabled, suspended, limits } of rules) {
      this.#rules.get(definition.ruleId)?.limits.restore(limits)
      this.change(definition.ruleId, { enabled, suspended })
    }
  }
}

const NONE: readonly LiveRule[] = []
