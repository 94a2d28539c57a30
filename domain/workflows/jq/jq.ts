import { isJsonArray, type Json } from '../../kernel/json.ts'
import type { JqLimits } from './budget.ts'
import { type Code, type Env, Run } from './code.ts'
import { compile } from './compile.ts'
import { firstOf } from './compile-update.ts'
import { JqError, JqLimitError, JqSyntaxError, Raised } from './errors.ts'
import { parse } from './parser.ts'
import { ROOT_SCOPE, withVariables } from './scope.ts'
import { excerptOf } from './text.ts'

/** A program that can be run any number of times. */
export type JqProgram = { readonly code: Code; readonly variables: readonly string[] }

export type JqOptions = JqLimits & {
  /** By name without `$`; those that the program was compiled with and that are missing here are null. */
  readonly variables: { readonly [name: string]: Json }
  /** What `now` is, in milliseconds since 1970. */
  readonly now: number
}

const LONGEST_PROGRAM = 100_000
const ROOT: Env = { value: null, closure: null, up: null }

/**
 * @param variables names without `$` that the program may use.
 * @throws JqSyntaxError
 */
export function compileJq(source: string, variables: readonly string[] = []): JqProgram {
  if (source.length > LONGEST_PROGRAM)
    throw new JqSyntaxError('The program is too long', source, LONGEST_PROGRAM)
  const { code } = compile(source, parse(source), withVariables(ROOT_SCOPE, variables))
  return { code, variables }
}

/**
 * All outputs of the program for one input. The same program, input and options give the same, always.
 *
 * @throws JqError for what the program raises and does not catch, JqLimitError.
 */
export function runJq(program: JqProgram, input: Json, options: JqOptions): readonly Json[] {
  const run = new Run(options, options.now)
  const outputs: Json[] = []
  outwards(() =>
    program.code.each(run, envOf(program, options.variables), input, (value) => {
      run.step()
      run.bytes(8)
      outputs.push(settled(run, value))
    }),
  )
  return outputs
}

/**
 * The first output; undefined if there is none. What comes after it is not computed. Several programs
 * may share the budget of `run`.
 *
 * @throws JqError, JqLimitError
 */
export function firstOutput(
  program: JqProgram,
  input: Json,
  variables: JqOptions['variables'],
  run: Run,
): Json | undefined {
  return outwards(() => {
    const first = firstOf(program.code)(run, envOf(program, variables), input)
    return first === undefined ? undefined : settled(run, first)
  })
}

function envOf(program: JqProgram, variables: JqOptions['variables']): Env {
  return program.variables.reduce<Env>(
    (up, name) => ({ value: variableOf(variables, name), closure: null, up }),
    ROOT,
  )
}

function variableOf(variables: JqOptions['variables'], name: string): Json {
  return Object.hasOwn(variables, name) ? (variables[name] ?? null) : null
}

/**
 * The value as JSON has it: numbers that are not finite become null or the largest one. Parts that the
 * value has many times are counted many times, because that is what its text would be.
 */
function settled(run: Run, value: Json): Json {
  if (typeof value === 'number') return Number.isFinite(value) ? value : finite(value)
  if (typeof value !== 'object' || value === null) {
    if (typeof value === 'string') run.bytes(value.length)
    return value
  }
  run.step()
  run.bytes(8)
  run.enter(1)
  const result = isJsonArray(value) ? settledList(run, value) : settledObject(run, value)
  run.leave(1)
  return result
}

function finite(value: number): Json {
  return Number.isNaN(value) ? null : Math.sign(value) * Number.MAX_VALUE
}

function settledList(run: Run, list: readonly Json[]): Json {
  let copy: Json[] | null = null
  for (let at = 0; at < list.length; at++) {
    const before = list[at] ?? null
    const after = settled(run, before)
    if (after === before) continue
    copy ??= [...list]
    copy[at] = after
  }
  return copy ?? list
}

function settledObject(run: Run, object: { readonly [key: string]: Json }): Json {
  let copy: { [key: string]: Json } | null = null
  for (const key of Object.keys(object)) {
    const before = object[key] ?? null
    const after = settled(run, before)
    run.bytes(key.length)
    if (after === before) continue
    copy ??= { ...object }
    copy[key] = after
  }
  return copy ?? object
}

function outwards<Result>(evaluate: () => Result): Result {
  try {
    return evaluate()
  } catch (fault) {
    if (fault instanceof Raised) throw new JqError(fault.value, messageOf(fault.value))
    // The depth budget is there to come first; what is left to the stack ends in the same way.
    throw fault instanceof RangeError ? new JqLimitError('depth') : fault
  }
}

function messageOf(value: Json): string {
  return typeof value === 'string' ? value : `(not a string): ${excerptOf(value)}`
}
