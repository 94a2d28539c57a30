import {
  type CompiledExpression,
  type ExpressionCompiler,
  evaluate,
  type Subject,
} from './condition/condition.ts'
import type { ConditionError } from './condition/condition-error.ts'
import type { ConditionScope } from './condition/scope.ts'
import type { OwedAction } from './evaluation.ts'
import { toJson } from './json-value.ts'
import type { RuleAction } from './rule-settings.ts'

/** Of the parameters of one action, as JSON text. */
const MAX_PARAMETERS = 8_192

/** A parameter with its expressions compiled; a literal stays what it is. */
export type Template =
  | { readonly literal: unknown }
  | { readonly expression: CompiledExpression }
  | { readonly list: readonly Template[] }
  | { readonly members: readonly (readonly [string, Template])[] }

export type CompiledAction = {
  readonly action: RuleAction
  readonly parameters: Template
  /** All that are in the parameters. */
  readonly expressions: readonly CompiledExpression[]
}

/** Where in a rule a text is that does not compile: `condition`, `actions/0/parameters`. */
export type RuleProblem = ConditionError & { readonly where: string }

class TemplateRefusal {
  readonly error: ConditionError

  constructor(error: ConditionError) {
    this.error = error
  }
}

export function compileActions(
  actions: readonly RuleAction[],
  scope: ConditionScope,
  compiler: ExpressionCompiler,
): { readonly actions: readonly CompiledAction[] } | { readonly problem: RuleProblem } {
  const compiled: CompiledAction[] = []
  for (const [index, action] of actions.entries()) {
    try {
      const parameters = template(action.parameters, scope, compiler)
      compiled.push({ action, parameters, expressions: expressionsOf(parameters) })
    } catch (error) {
      if (!(error instanceof TemplateRefusal)) throw error
      return { problem: { ...error.error, where: `actions/${index}/parameters` } }
    }
  }
  return { actions: compiled }
}

function template(value: unknown, scope: ConditionScope, compiler: ExpressionCompiler): Template {
  if (typeof value !== 'object' || value === null) return { literal: value }
  if (Array.isArray(value)) return { list: value.map((each) => template(each, scope, compiler)) }
  const entries = Object.entries(value)
  const [[key, text] = []] = entries
  if (entries.length === 1 && key === 'cel' && typeof text === 'string') {
    const compiled = compiler.compile(text, scope, 'any')
    if ('error' in compiled) throw new TemplateRefusal(compiled.error)
    return { expression: compiled.expression }
  }
  return { members: entries.map(([name, each]) => [name, template(each, scope, compiler)]) }
}

function expressionsOf(each: Template): readonly CompiledExpression[] {
  if ('expression' in each) return [each.expression]
  if ('list' in each) return each.list.flatMap(expressionsOf)
  return 'members' in each ? each.members.flatMap(([, member]) => expressionsOf(member)) : []
}

/** A match whose parameter has no value owes nothing. */
export function oweActions(
  actions: readonly CompiledAction[],
  subjectFor: (expression: CompiledExpression) => Subject,
): { readonly actions: OwedAction[] } | { readonly fault: string } {
  const owed: OwedAction[] = []
  for (const { action, parameters } of actions) {
    const filled = fill(parameters, subjectFor)
    if ('fault' in filled) return filled
    if (JSON.stringify(filled.value).length > MAX_PARAMETERS)
      return { fault: `The parameters of an action have more than ${MAX_PARAMETERS} characters.` }
    owed.push({ ...action, parameters: filled.value as Record<string, unknown> })
  }
  return { actions: owed }
}

type Filled = { readonly value: unknown } | { readonly fault: string }

function fill(each: Template, subjectFor: (expression: CompiledExpression) => Subject): Filled {
  if ('literal' in each) return { value: each.literal }
  if ('expression' in each) {
    const outcome = evaluate(each.expression, subjectFor(each.expression))
    return 'fault' in outcome ? outcome : { value: toJson(outcome.value) }
  }
  if ('list' in each) {
    const filled = each.list.map((item) => fill(item, subjectFor))
    return filled.find((item) => 'fault' in item) ?? { value: filled.map(filledValue) }
  }
  const filled = each.members.map(([name, item]) => [name, fill(item, subjectFor)] as const)
  const failed = filled.find(([, item]) => 'fault' in item)?.[1]
  return (
    failed ?? { value: Object.fromEntries(filled.map(([name, item]) => [name, filledValue(item)])) }
  )
}

function filledValue(filled: Filled): unknown {
  return 'value' in filled ? filled.value : undefined
}
