import type { SourceRange } from '@marcbachmann/cel-js'
import { type Closure, EvaluationFault, type Run } from './run.ts'
import { typeName } from './values.ts'

// `false && x` is false and `true || x` is true whatever x is, also when x fails, on either side.

export function compileAnd(left: Closure, right: Closure, at: SourceRange): Closure {
  return (run) => {
    const first = attempt(left, run)
    if (first === false) return false
    const second = right(run)
    if (second === false) return false
    return bool(first, at) && bool(second, at)
  }
}

export function compileOr(left: Closure, right: Closure, at: SourceRange): Closure {
  return (run) => {
    const first = attempt(left, run)
    if (first === true) return true
    const second = right(run)
    if (second === true) return true
    return bool(first, at) || bool(second, at)
  }
}

/** @returns the value, or the fault as one. */
function attempt(closure: Closure, run: Run): unknown {
  try {
    return closure(run)
  } catch (error) {
    if (error instanceof EvaluationFault && !error.final) return error
    throw error
  }
}

/** @throws {EvaluationFault} the value itself when it is one, else because it is no bool. */
export function bool(value: unknown, at: SourceRange): boolean {
  if (typeof value === 'boolean') return value
  if (value instanceof EvaluationFault) throw value
  throw new EvaluationFault(`A bool is needed here, this is ${typeName(value)}.`, at)
}

export function not(operand: Closure, at: SourceRange): Closure {
  return (run) => !bool(operand(run), at)
}

export function compileTernary(
  condition: Closure,
  yes: Closure,
  no: Closure,
  at: SourceRange,
): Closure {
  return (run) => (bool(condition(run), at) ? yes(run) : no(run))
}
