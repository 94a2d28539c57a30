import type { ASTNode, SourceRange } from '@marcbachmann/cel-js'
import { RE2JS } from 're2js'
import { type Closure, chargeText, EvaluationFault } from './run.ts'
import { Refusal } from './scope.ts'
import { typeName } from './values.ts'

/** `text.matches("pattern")`: RE2, so that it takes time in proportion to the text whatever the pattern is. */
export function compileMatches(text: Closure, pattern: ASTNode, at: SourceRange): Closure {
  if (pattern.op !== 'value' || typeof pattern.args !== 'string')
    throw new Refusal('The pattern of matches() is a literal.', pattern.range)
  const compiled = compilePattern(pattern.args, pattern.range)
  return (run) => {
    const value = text(run)
    if (typeof value !== 'string')
      throw new EvaluationFault(`matches() is of strings, this is ${typeName(value)}.`, at)
    // A tenth of the speed of other text functions.
    chargeText(run, value.length * 10, at)
    return compiled.test(value)
  }
}

function compilePattern(pattern: string, at: SourceRange): RE2JS {
  try {
    return RE2JS.compile(pattern)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Refusal(`The pattern is not one of RE2: ${why.slice(0, 200)}.`, at)
  }
}
