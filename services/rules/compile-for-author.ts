import { type CustomEvent, customNameOf, isCustomType } from '../../domain/custom/events.ts'
import { streamName } from '../../domain/kernel/ids.ts'
import { type CompiledRule, compileRule } from '../../domain/rules/compiled-rule.ts'
import { ExpressionCompiler } from '../../domain/rules/condition/condition.ts'
import type { EventSchemas } from '../../domain/rules/rule-scope.ts'
import type { RuleSettings } from '../../domain/rules/rule-settings.ts'
import type { EventStore } from '../ports/event-store.ts'
import { eventSchemas } from './event-schemas.ts'
import { conditionInvalid } from './rule-problem.ts'

type Log = Pick<EventStore, 'readStream'>

/** Types of its own that one rule can be about. */
const MAX_CUSTOM = 50

const compiler = new ExpressionCompiler()

/**
 * Compiles a rule that somebody writes. What it says about the tenant's own events has to fit their schemas as they
 * are registered now; an engine takes those events as they come.
 *
 * @param body where the rule is in the request, as a JSON pointer.
 * @throws {ProblemError} 422 `rule-condition-invalid`
 */
export async function compileForAuthor(
  log: Log,
  tenantId: string,
  settings: RuleSettings,
  body: string,
): Promise<CompiledRule> {
  const schemas = await customSchemas(log, tenantId, settings)
  const schemaOf: EventSchemas = (type) => schemas.get(type) ?? eventSchemas(type)
  // What these texts compile to depends on the tenant: it is not remembered for others.
  const compiled = compileRule(
    settings,
    schemaOf,
    schemas.size === 0 ? compiler : new ExpressionCompiler(),
  )
  if ('problem' in compiled) throw conditionInvalid(compiled.problem, body)
  return compiled.rule
}

type CustomSchema = Extract<
  CustomEvent,
  { readonly type: 'CustomEventTypeRegistered' }
>['data']['schema']

/** By the types that the rule listens to or has windows of; without those that are not registered. */
async function customSchemas(
  log: Log,
  tenantId: string,
  { on, condition, actions }: RuleSettings,
): Promise<ReadonlyMap<string, CustomSchema>> {
  const texts = `${condition}\n${JSON.stringify(actions)}`
  const named = [...on.filter(isCustomType), ...(texts.match(/\bcustom\.[A-Z]\w{0,63}/g) ?? [])]
  const schemas = new Map<string, CustomSchema>()
  for (const type of [...new Set(named)].slice(0, MAX_CUSTOM)) {
    const schema = await registered(log, tenantId, customNameOf(type))
    if (schema !== undefined) schemas.set(type, schema)
  }
  return schemas
}

async function registered(
  log: Log,
  tenantId: string,
  name: string,
): Promise<CustomSchema | undefined> {
  const newest = { direction: 'backwards', limit: 1 } as const
  // The store checked the data against this type's schema when it was appended.
  for await (const { data, fault } of log.readStream(
    streamName('customtype', tenantId, name),
    newest,
  ))
    return fault === undefined ? (data.schema as CustomSchema) : undefined
  return undefined
}
