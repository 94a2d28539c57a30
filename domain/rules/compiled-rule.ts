import type { CompiledExpression, ExpressionCompiler } from './condition/condition.ts'
import { type CompiledAction, compileActions, type RuleProblem } from './owed-action.ts'
import { type EventSchemas, ruleScope } from './rule-scope.ts'
import type { RuleSettings } from './rule-settings.ts'
import type { WindowSpec } from './window-spec.ts'

/** A rule that can be asked. */
export type CompiledRule = {
  readonly condition: CompiledExpression
  readonly actions: readonly CompiledAction[]
  /** Of the condition and of the parameters, each once. */
  readonly windows: readonly WindowSpec[]
  /** Everything that is written in CEL. */
  readonly texts: readonly string[]
}

/** Checks everything in a rule that is written in CEL; the first mistake is the answer. */
export function compileRule(
  settings: Pick<RuleSettings, 'on' | 'condition' | 'actions'>,
  schemaOf: EventSchemas,
  compiler: ExpressionCompiler,
): { readonly rule: CompiledRule } | { readonly problem: RuleProblem } {
  const scope = ruleScope(settings.on, schemaOf)
  if (typeof scope === 'string')
    return { problem: { where: 'on', message: scope, offset: 0, line: 1, column: 1, excerpt: '' } }
  const condition = compiler.compile(settings.condition, scope, 'bool')
  if ('error' in condition) return { problem: { ...condition.error, where: 'condition' } }
  const actions = compileActions(settings.actions, scope, compiler)
  if ('problem' in actions) return actions
  const all = [condition.expression, ...actions.actions.flatMap(({ expressions }) => expressions)]
  const windows = new Map(
    all.flatMap((expression) => expression.windows).map((spec) => [spec.key, spec]),
  )
  return {
    rule: {
      condition: condition.expression,
      actions: actions.actions,
      windows: [...windows.values()],
      texts: all.map(({ text }) => text),
    },
  }
}
