import type { EventMeta } from '../kernel/event.ts'
import type { RuleEngine } from './evaluate.ts'
import type { RulesEvaluated } from './evaluation.ts'
import type { RuleLifeEvent } from './events.ts'
import { ruleEventOf } from './rule-event.ts'

/** An event as the log has it, in its current version. */
export type LoggedEvent = EventMeta & {
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
}

/**
 * The next event of the tenant's log: the rules that are in force before it are asked, then it changes
 * them if it is about one.
 *
 * @returns undefined when no rule had to be asked.
 */
export function feed(engine: RuleEngine, event: LoggedEvent): RulesEvaluated | undefined {
  const evaluation = engine.handle(ruleEventOf(event))
  // The store checked the data against this type's schema when it was appended.
  changeRules(engine, event as LoggedEvent & RuleLifeEvent)
  return evaluation
}

function changeRules(engine: RuleEngine, { type, data }: RuleLifeEvent): void {
  const { ruleId } = data
  switch (type) {
    case 'RuleDefined':
    case 'RuleRevised':
      engine.define({ ruleId, version: data.version, settings: data.settings })
      return
    case 'RuleEnabled':
      engine.enable(ruleId)
      return
    case 'RuleDisabled':
      engine.disable(ruleId)
      return
    case 'RuleRemoved':
      engine.remove(ruleId)
      return
    case 'RuleSuspended':
      engine.suspend(ruleId)
      return
    case 'RuleResumed':
      engine.resume(ruleId)
      return
  }
}
