import { backoff } from '../../domain/kernel/backoff.ts'
import type { RulesEvaluated } from '../../domain/rules/evaluation.ts'
import { rule, ruleStream } from '../../domain/rules/rule.ts'
import { execute } from '../kernel/execute.ts'
import type { Slots } from '../kernel/slots.ts'
import { untilDone } from '../kernel/until-done.ts'
import type { RecordedEvent } from '../ports/event-store.ts'
import type { RuleState } from '../ports/rule-state.ts'
import { evaluationsStream } from './evaluations.ts'
import { drive, type Firing, type FiringDeps } from './firing.ts'

export type LaneDeps = FiringDeps & { readonly state: RuleState }

const PAGE = 100
/** Evaluations with something that is still owed; beyond them the lane reads no further. */
const MAX_OPEN = 1_000
const FIRST_PAUSE_MS = 250
const MAX_PAUSE_MS = 60_000

/**
 * Reads a tenant's evaluations in order and sees to it that what they owe is done. Where it is, is
 * saved behind what is done; losing that means looking at more evaluations, and doing nothing again.
 */
export class ActionLane {
  readonly #deps: LaneDeps
  readonly #tenantId: string
  readonly #slots: Slots
  /** Revisions of evaluations that still owe something. */
  readonly #open = new Set<bigint>()
  #next = 0n
  #saved = 0n
  #hasNews = true
  #wake: () => void = () => {}

  constructor(deps: LaneDeps, tenantId: string, slots: Slots) {
    this.#deps = deps
    this.#tenantId = tenantId
    this.#slots = slots
  }

  tellNews(): void {
    this.#hasNews = true
    this.#wake()
  }

  /** Resolves when `signal` aborted and nothing is under way any more. */
  async run(signal: AbortSignal): Promise<void> {
    const under = new Set<Promise<void>>()
    signal.addEventListener('abort', () => this.#wake(), { once: true })
    const first = await this.#again(signal, () => this.#deps.state.actionsFrom(this.#tenantId))
    this.#next = this.#saved = first ?? 0n
    while (!signal.aborted) {
      await this.#again(signal, () => this.#turn(under, signal))
      await this.#rest(signal)
    }
    await Promise.all(under)
  }

  async #turn(under: Set<Promise<void>>, signal: AbortSignal): Promise<void> {
    this.#hasNews = false
    await this.#savePlace()
    const room = MAX_OPEN - this.#open.size
    if (room <= 0) return
    let read = 0
    const page = { from: this.#next, limit: Math.min(PAGE, room) }
    const stream = evaluationsStream(this.#tenantId)
    for await (const evaluation of this.#deps.store.readStream(stream, page)) {
      read += 1
      this.#next = evaluation.revision + 1n
      const owed = owedBy(evaluation)
      if (owed.length === 0) continue
      this.#open.add(evaluation.revision)
      const ended = this.#settle(evaluation, owed, signal).then(() => void under.delete(ended))
      under.add(ended)
    }
    if (read === page.limit) this.#hasNews = true
  }

  async #settle(
    { revision }: RecordedEvent,
    owed: readonly Firing[],
    signal: AbortSignal,
  ): Promise<void> {
    await Promise.all(owed.map((each) => this.#again(signal, () => this.#do(each, signal))))
    if (signal.aborted) return
    this.#open.delete(revision)
    this.tellNews()
  }

  async #do(owed: Firing, signal: AbortSignal): Promise<void> {
    if (owed.rule.verdict === 'suspended') await this.#suspend(owed)
    else await drive(this.#deps, owed, this.#slots, signal)
  }

  /** By the evaluation's own id: a rule that was resumed since is not suspended again for it. */
  async #suspend({ evaluation, rule: { ruleId, version, reason = '' } }: Firing): Promise<void> {
    const { store, now } = this.#deps
    const { tenantId, correlationId, eventId: causationId, data } = evaluation
    const { eventId } = data as RulesEvaluated
    await execute(
      store,
      rule,
      ruleStream(tenantId, ruleId),
      { type: 'SuspendRule', ruleId, version, eventId, reason, now: now().toISOString() },
      { tenantId, actorId: 'system:rules', correlationId, causationId, commandId: causationId },
    )
  }

  async #savePlace(): Promise<void> {
    let place = this.#next
    for (const revision of this.#open) if (revision < place) place = revision
    if (place === this.#saved) return
    await this.#deps.state.saveActionsFrom(this.#tenantId, place)
    this.#saved = place
  }

  /** Until it is done, or `signal` aborts: what is owed stays owed. */
  async #again<Done>(signal: AbortSignal, work: () => Promise<Done>): Promise<Done | undefined> {
    const tenantId = this.#tenantId
    const pause = (failures: number) => backoff(failures - 1, FIRST_PAUSE_MS, MAX_PAUSE_MS)
    return await untilDone(work, pause, signal, (error) =>
      this.#deps.logger.warn({ err: error, tenantId }, 'what rules owe is interrupted'),
    )
  }

  /** Until there is something to do. */
  async #rest(signal: AbortSignal): Promise<void> {
    if (this.#hasNews || signal.aborted) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
  }
}

function owedBy(evaluation: RecordedEvent): readonly Firing[] {
  if (evaluation.fault !== undefined) return []
  const { rules } = evaluation.data as RulesEvaluated
  return rules
    .filter(
      ({ verdict, actions = [] }) =>
        verdict === 'suspended' || (verdict === 'matched' && actions.length > 0),
    )
    .map((each) => ({ evaluation, rule: each }))
}
