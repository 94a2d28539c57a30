import type { CompiledRule, compileRule } from './compiled-rule.ts'
import type { Conjunct } from './condition/conjuncts.ts'
import { FiringLimits } from './firing-limits.ts'
import type { RuleSettings } from './rule-settings.ts'
import type { Window } from './window.ts'
import type { WindowSpec } from './window-spec.ts'
import type { Windows } from './windows.ts'

/** A version of a rule. */
export type RuleDefinition = {
  readonly ruleId: string
  readonly version: number
  readonly settings: RuleSettings
}

/** A rule in the engine. While it is there its windows are kept, also while it is off. */
export class LiveRule {
  readonly definition: RuleDefinition
  readonly compiled: CompiledRule | undefined
  /** Why it is not compiled; empty when it is. */
  readonly problem: string
  readonly limits = new FiringLimits()
  enabled: boolean
  suspended: boolean
  readonly #windows = new Map<string, Window>()

  /**
   * @param before the version before, whose state it takes over.
   * @param isFirst that nothing happened before it: its windows have nothing to be filled with.
   */
  constructor(
    definition: RuleDefinition,
    compiled: ReturnType<typeof compileRule>,
    windows: Windows,
    before: LiveRule | undefined,
    isFirst: boolean,
  ) {
    this.definition = definition
    this.compiled = 'rule' in compiled ? compiled.rule : undefined
    this.problem = 'problem' in compiled ? compiled.problem.message : ''
    this.enabled = before?.enabled ?? false
    this.suspended = before?.suspended ?? false
    if (before !== undefined) this.limits.restore(before.limits.data())
    for (const spec of this.compiled?.windows ?? [])
      this.#windows.set(spec.key, windows.acquire(spec, isFirst))
  }

  get settings(): RuleSettings {
    return this.definition.settings
  }

  get conjuncts(): readonly Conjunct[] {
    return this.compiled?.condition.conjuncts ?? []
  }

  get isAsked(): boolean {
    return this.enabled && !this.suspended
  }

  /** Windows that have to be filled before it is asked. */
  get unfilled(): readonly Window[] {
    return [...this.#windows.values()].filter(({ isFilled }) => !isFilled)
  }

  /** @throws {RangeError} for a window that the rule does not have. */
  window({ key }: WindowSpec): Window {
    const window = this.#windows.get(key)
    if (window === undefined) throw new RangeError(`The rule has no window ${key}.`)
    return window
  }

  release(windows: Windows): void {
    for (const { spec } of this.#windows.values()) windows.release(spec)
  }

  /** The order in which rules are asked. */
  compare(other: LiveRule): number {
    const byPriority = other.settings.priority - this.settings.priority
    return byPriority === 0
      ? this.definition.ruleId < other.definition.ruleId
        ? -1
        : 1
      : byPriority
  }
}
