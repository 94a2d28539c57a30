import type { ASTNode, SourceRange } from '@marcbachmann/cel-js'
import { RE2JS } from 're2js'
import { type Closure, charge, EvaluationFault } from './run.ts'
import { Refusal } from './scope.ts'
import { typeName } from './values.ts'

/** In characters, and in instructions of what it compiles to: `[a-z]{1000}` has a thousand. */
const MAX_PATTERN = 500
const MAX_INSTRUCTIONS = 2_000

/** `text.matches("pattern")`: RE2, so that it takes time in proportion to the text and to the pattern, and no more. */
export function compileMatches(text: Closure, pattern: ASTNode, at: SourceRange): Closure {
  if (pattern.op !== 'value' || typeof pattern.args !== 'string')
    throw new Refusal('The pattern of matches() is a literal.', pattern.range)
  const compiled = compilePattern(pattern.args, pattern.range)
  const instructions = compiled.programSize()
  return (run) => {
    const value = text(run)
    if (typeof value !== 'string')
      throw new EvaluationFault(`matches() is of strings, this is ${typeName(value)}.`, at)
    charge(run, Math.ceil((value.length * (instructions + 10)) / 256), at)
    return compiled.test(value)
  }
}

function compilePattern(pattern: string, at: SourceRange): RE2JS {
  if (pattern.length > MAX_PATTERN)
    throw new Refusal(`A pattern may have ${MAX_PATTERN} characters.`, at)
  const compiled = compileRe2(pattern, at)
  if (compiled.programSize() <= MAX_INSTRUCTIONS) return compiled
  throw new Refusal('The pattern repeats too much.', at)
}

function compileRe2(pattern: string, at: SourceRange): RE2JS {
  try {
    return RE2JS.compile(pattern)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Refusal(`The pattern is not one of RE2: ${why.slice(0, 200)}.`, at)
  }
}
