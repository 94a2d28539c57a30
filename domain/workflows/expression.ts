import { isJsonArray, type Json, type JsonObject } from '../kernel/json.ts'
import { remembered } from '../kernel/remembered.ts'
import type { JqLimits } from './jq/budget.ts'
import { Run } from './jq/code.ts'
import { JqError, JqSyntaxError } from './jq/errors.ts'
import { compileJq, firstOutput, type JqProgram } from './jq/jq.ts'
import { isTrue, setMember } from './jq/values.ts'

/**
 * What expressions see besides their input, by name without `$`: `context`, `input`, `output`,
 * `workflow`, `runtime`, `task`, `authorization`, and what a task itself names.
 */
export type ExpressionArguments = JsonObject

/** For one template with all of its expressions. */
export type ExpressionLimits = JqLimits & {
  /** What `now` is, in milliseconds since 1970. */
  readonly now: number
}

/**
 * `strict`: a string is an expression if it is all inside of `${ }`. `loose`: each string is tried as one,
 * and stays as it is where that fails.
 */
export type ExpressionMode = 'strict' | 'loose'

const ENCLOSED = /^\s*\$\{([\s\S]*)\}\s*$/
const MOST_CACHED = 5_000
/** Programs by names of arguments and source, the latest used last. */
const cache = new Map<string, JqProgram>()

/** @returns the expression inside of `${ }`, null if there is none. */
export function enclosedExpression(text: string): string | null {
  return ENCLOSED.exec(text)?.[1] ?? null
}

/**
 * @param names of the arguments that it may use.
 * @throws JqSyntaxError
 */
export function compileExpression(source: string, names: readonly string[]): JqProgram {
  const sorted = [...names].sort()
  const key = `${sorted.join(' ')}|${source}`
  return remembered(cache, MOST_CACHED, key, () => compileJq(source, sorted))
}

/**
 * The template with each expression in it replaced by its first output, null if it has none.
 *
 * @throws JqSyntaxError, JqError, JqLimitError
 */
export function evaluateTemplate(
  template: Json,
  input: Json,
  args: ExpressionArguments,
  limits: ExpressionLimits,
  mode: ExpressionMode = 'strict',
): Json {
  return new Evaluation(input, args, limits, mode).of(template)
}

/**
 * Where the standard wants an expression (`from`, `as`, `in`): a string is one with or without `${ }`,
 * anything else is a template.
 */
export function evaluateExpression(
  expression: Json,
  input: Json,
  args: ExpressionArguments,
  limits: ExpressionLimits,
): Json {
  const evaluation = new Evaluation(input, args, limits, 'strict')
  if (typeof expression !== 'string') return evaluation.of(expression)
  return evaluation.expression(enclosedExpression(expression) ?? expression)
}

/** Whether the expression, with or without `${ }`, gives anything but false and null. */
export function evaluateCondition(
  condition: string,
  input: Json,
  args: ExpressionArguments,
  limits: ExpressionLimits,
): boolean {
  return isTrue(evaluateExpression(condition, input, args, limits))
}

class Evaluation {
  readonly #input: Json
  readonly #args: ExpressionArguments
  readonly #names: readonly string[]
  readonly #mode: ExpressionMode
  readonly #run: Run

  constructor(
    input: Json,
    args: ExpressionArguments,
    limits: ExpressionLimits,
    mode: ExpressionMode,
  ) {
    this.#input = input
    this.#args = args
    this.#names = Object.keys(args)
    this.#mode = mode
    this.#run = new Run(limits, limits.now)
  }

  of(template: Json): Json {
    if (typeof template === 'string') return this.#string(template)
    if (typeof template !== 'object' || template === null) return template
    if (isJsonArray(template)) return template.map((each) => this.of(each))
    const object: { [key: string]: Json } = {}
    for (const [key, value] of Object.entries(template)) setMember(object, key, this.of(value))
    return object
  }

  expression(source: string): Json {
    const program = compileExpression(source, this.#names)
    return firstOutput(program, this.#input, this.#args, this.#run) ?? null
  }

  #string(text: string): Json {
    const enclosed = enclosedExpression(text)
    if (enclosed !== null) return this.expression(enclosed)
    return this.#mode === 'loose' ? this.#attempt(text) : text
  }

  #attempt(text: string): Json {
    try {
      return this.expression(text)
    } catch (fault) {
      if (fault instanceof JqSyntaxError || fault instanceof JqError) return text
      throw fault
    }
  }
}
