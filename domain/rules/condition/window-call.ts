import type { ASTNode, SourceRange } from '@marcbachmann/cel-js'
import { parseSpan, WINDOW_FUNCTIONS, type WindowFunction, windowSpec } from '../window-spec.ts'
import type { Place } from './place.ts'
import { type Closure, EvaluationFault, type Run, type WindowReading } from './run.ts'
import { Refusal } from './scope.ts'

const MAX_WINDOWS = 8

/** `count(…)` and its kind: a look-up of the window, whose upkeep is not the condition's work. */
export function compileWindow(
  name: WindowFunction,
  args: readonly ASTNode[],
  at: SourceRange,
  place: Place,
): Closure {
  const number = windowNumber(name, args, at, place)
  return name === 'count' ? (run) => BigInt(number(run)) : number
}

/** The same as a JavaScript number, also where CEL has an int. */
export function windowNumber(
  name: WindowFunction,
  args: readonly ASTNode[],
  at: SourceRange,
  place: Place,
): (run: Run) => number {
  const index = windowIndex(name, args, at, place)
  const fraction = literalNumber(args[WINDOW_FUNCTIONS[name].fraction ?? -1])
  const text = place.text.slice(at.start, at.end)
  return (run) => {
    const window = run.windows[index] as WindowReading
    if (window.fault !== undefined) throw new EvaluationFault(window.fault, at)
    const value = reading(name, window, fraction)
    run.reads?.set(text, value)
    return value
  }
}

function reading(name: WindowFunction, window: WindowReading, fraction: number): number {
  switch (name) {
    case 'count':
      return window.matched
    case 'rate':
      return window.total === 0 ? 0 : window.matched / window.total
    case 'sum':
      return window.sum()
    case 'percentile':
      return window.percentile(fraction)
  }
}

function windowIndex(
  name: WindowFunction,
  args: readonly ASTNode[],
  at: SourceRange,
  place: Place,
): number {
  const { filter, value } = WINDOW_FUNCTIONS[name]
  const textOf = (index: number | undefined) => {
    const node = index === undefined ? undefined : args[index]
    return node && place.text.slice(node.start, node.end)
  }
  const type = literalText(args[0])
  const past = place.pastEvent(type)
  const span = parseSpan(literalText(args[1]))
  if (
    span === undefined ||
    typeof past === 'string' ||
    place.locals.size > 0 ||
    place.roots.has('it')
  )
    throw new Refusal('A window cannot be asked for within another one, or a comprehension.', at)
  // What each window computes of an event is compiled with the window; here it is only checked.
  const inner = { ...place, roots: new Map([['it', past]]) }
  for (const index of [filter, value]) {
    const node = index === undefined ? undefined : args[index]
    if (node !== undefined) place.compile(node, inner)
  }
  const spec = windowSpec({
    type,
    ...span,
    filter: textOf(filter),
    value: textOf(value),
  })
  const known = place.windows.findIndex(({ key }) => key === spec.key)
  if (known !== -1) return known
  if (place.windows.length >= MAX_WINDOWS)
    throw new Refusal(`A condition may ask for ${MAX_WINDOWS} windows.`, at)
  return place.windows.push(spec) - 1
}

function literalText(node: ASTNode | undefined): string {
  return node?.op === 'value' && typeof node.args === 'string' ? node.args : ''
}

function literalNumber(node: ASTNode | undefined): number {
  return node?.op === 'value' ? Number(node.args) : 0
}
