import type { Environment } from '@marcbachmann/cel-js'
import { remembered } from '../../kernel/remembered.ts'
import { MAX_EXPRESSION_LENGTH } from '../rule-settings.ts'
import type { WindowSpec } from '../window-spec.ts'
import { compileNode } from './compile.ts'
import { type ConditionError, conditionError } from './condition-error.ts'
import { type Conjunct, conjunctsOf } from './conjuncts.ts'
import type { Place } from './place.ts'
import { type Closure, EvaluationFault, MAX_STEPS, type Run, type WindowReading } from './run.ts'
import { type ConditionScope, Refusal } from './scope.ts'
import { celEnvironment, parseChecked } from './type-check.ts'

/** A text that is ready to be evaluated, any number of times. */
export type CompiledExpression = {
  readonly text: string
  /** CEL's name of the type that it gives; `dyn` when nobody knows. */
  readonly type: string
  readonly closure: Closure
  readonly windows: readonly WindowSpec[]
  /** What must be true of the event for a condition to match: what an index can go by. */
  readonly conjuncts: readonly Conjunct[]
}

export type Compiled =
  | { readonly expression: CompiledExpression }
  | { readonly error: ConditionError }

const MAX_CACHED = 20_000
const MAX_ENVIRONMENTS = 256

/** Compiles texts and remembers what it compiled, by content. */
export class ExpressionCompiler {
  readonly #compiled = new Map<string, Compiled>()
  readonly #environments = new Map<string, Environment>()

  /** @param result what the text has to give. */
  compile(text: string, scope: ConditionScope, result: 'bool' | 'any'): Compiled {
    if (text.length > MAX_EXPRESSION_LENGTH) return { error: tooLong(text) }
    return remembered(this.#compiled, MAX_CACHED, `${scope.key}\n${result}\n${text}`, () =>
      compileText(text, scope, result, () =>
        remembered(this.#environments, MAX_ENVIRONMENTS, scope.key, () => celEnvironment(scope)),
      ),
    )
  }
}

function tooLong(text: string): ConditionError {
  return conditionError(
    text.slice(0, MAX_EXPRESSION_LENGTH),
    `A condition may have ${MAX_EXPRESSION_LENGTH} characters, this has ${text.length}.`,
  )
}

function compileText(
  text: string,
  scope: ConditionScope,
  result: 'bool' | 'any',
  environment: () => Environment,
): Compiled {
  try {
    const { tree, type } = parseChecked(environment(), text, result)
    const { roots, pastEvent } = scope
    const place: Place = {
      text,
      roots,
      pastEvent,
      locals: new Map(),
      windows: [],
      compile: compileNode,
    }
    const closure = compileNode(tree, place)
    const conjuncts = conjunctsOf(tree, place)
    return { expression: { text, type, closure, windows: place.windows, conjuncts } }
  } catch (error) {
    if (error instanceof Refusal) return { error: conditionError(text, error.message, error.at) }
    throw error
  }
}

export type Outcome = { readonly value: unknown } | { readonly fault: string }

/** What an expression is evaluated on. */
export type Subject = Pick<Run, 'roots'> & {
  readonly windows: readonly WindowReading[]
  /** What it may cost; by default all that an evaluation may. */
  readonly steps?: number
  /** What it costs is added here. */
  readonly spent?: { steps: number }
}

/** @param reads what the expression reads is noted down here, by its text. */
export function evaluate(
  { closure, text }: CompiledExpression,
  { roots, windows, steps = MAX_STEPS, spent }: Subject,
  reads?: Map<string, unknown>,
): Outcome {
  const run: Run = { roots, windows, locals: [], steps, reads }
  try {
    return { value: closure(run) }
  } catch (error) {
    if (error instanceof EvaluationFault) return { fault: faultText(text, error) }
    throw error
  } finally {
    if (spent !== undefined) spent.steps += steps - run.steps
  }
}

function faultText(text: string, { message, at }: EvaluationFault): string {
  const { line, column } = conditionError(text, message, at)
  return `${message.slice(0, 800)} (line ${line}, column ${column})`
}
