import { shownType } from '../../domain/custom/events.ts'
import { ExpressionCompiler } from '../../domain/rules/condition/condition.ts'
import { RuleEngine, type RuleEngineData } from '../../domain/rules/evaluate.ts'
import type { RulesEvaluated } from '../../domain/rules/evaluation.ts'
import { feed } from '../../domain/rules/feed.ts'
import type { Filling } from '../../domain/rules/filling.ts'
import type { Position, RecordedEvent } from '../ports/event-store.ts'
import type { RuleState } from '../ports/rule-state.ts'
import { eventSchemas } from './event-schemas.ts'

/** Raised when what an engine remembers means something else. */
const FORMAT = 4

type TenantEngine = {
  readonly engine: RuleEngine
  /** What was up to here is in it. */
  position: Position
  changed: boolean
}

/** The engine of each tenant, all as far as the log was given to them. */
export class TenantEngines {
  readonly #compiler = new ExpressionCompiler()
  readonly #engines = new Map<string, TenantEngine>()

  /** @returns the position from which on the log is wanted. */
  async restore(state: RuleState): Promise<Position> {
    const snapshots = await state.snapshots(FORMAT)
    for (const { tenantId, position, state: data } of snapshots) {
      const engine = this.#newEngine()
      engine.restore(data as RuleEngineData)
      this.#engines.set(tenantId, { engine, position, changed: false })
    }
    return snapshots.reduce(
      (first, { position }) => (position < first ? position : first),
      snapshots[0]?.position ?? 0n,
    )
  }

  /** @returns undefined when no rule had to be asked, or the engine knows the event. */
  take(event: RecordedEvent): RulesEvaluated | undefined {
    const known = this.#of(event.tenantId)
    if (event.position <= known.position) return undefined
    known.position = event.position
    known.changed = true
    // What cannot be read says nothing; to decide by half of it would be worse.
    return event.fault === undefined ? feed(known.engine, event) : undefined
  }

  /** What has to be done before the event is taken; undefined for nothing. */
  filling(event: RecordedEvent): Filling | undefined {
    const known = this.#of(event.tenantId)
    if (event.position <= known.position || event.fault !== undefined) return undefined
    return known.engine.filling(shownType(event))
  }

  positionOf(tenantId: string): Position {
    return this.#of(tenantId).position
  }

  /** Those that were in the log. */
  tenants(): readonly string[] {
    return [...this.#engines.keys()]
  }

  /**
   * Unless one of them was given more already: it would be given that again after a start.
   *
   * @param position that everything up to was given to the engines.
   */
  async save(state: RuleState, position: Position): Promise<void> {
    if ([...this.#engines.values()].some((each) => each.position > position)) return
    const changed = [...this.#engines].filter(([, each]) => each.changed)
    const rows = changed.map(([tenantId, { engine }]) => ({ tenantId, state: engine.data() }))
    await state.save(FORMAT, rows, position)
    for (const [, each] of changed) each.changed = false
  }

  /** Of all tenants together, for metrics. */
  sizes(): { readonly rules: number; readonly windows: number; readonly slots: number } {
    const sum = { rules: 0, windows: 0, slots: 0 }
    for (const { engine } of this.#engines.values()) {
      const { rules, windows, slots } = engine.sizes()
      sum.rules += rules
      sum.windows += windows
      sum.slots += slots
    }
    return sum
  }

  #of(tenantId: string): TenantEngine {
    const known = this.#engines.get(tenantId)
    if (known !== undefined) return known
    const made = { engine: this.#newEngine(), position: 0n, changed: false }
    this.#engines.set(tenantId, made)
    return made
  }

  #newEngine(): RuleEngine {
    return new RuleEngine(eventSchemas, this.#compiler)
  }
}
