import type { ASTNode, SourceRange } from '@marcbachmann/cel-js'
import { bool } from './logic.ts'
import type { Place } from './place.ts'
import { type Closure, charge, EvaluationFault, type Run } from './run.ts'
import { Refusal } from './scope.ts'
import { isCelRecord, typeName } from './values.ts'

const MACROS = ['all', 'exists', 'exists_one', 'map', 'filter'] as const
type Macro = (typeof MACROS)[number]

/** One within another costs the product of both. */
const MAX_NESTING = 2

export function isComprehension(name: string): name is Macro {
  return (MACROS as readonly string[]).includes(name)
}

export function compileComprehension(
  macro: Macro,
  node: ASTNode & { readonly op: 'rcall' },
  place: Place,
): Closure {
  const [, range, args] = node.args
  const [variable, ...rest] = args
  if (variable?.op !== 'id' || rest.length === 0)
    throw new Refusal(`${macro}() takes a variable and an expression.`, node.range)
  if (place.locals.size >= MAX_NESTING)
    throw new Refusal(`Comprehensions may be nested ${MAX_NESTING} deep.`, node.range)
  const slot = place.locals.size
  const locals = new Map(place.locals).set(variable.args, slot)
  if (locals.size === slot)
    throw new Refusal(`The variable ${variable.args} is in use already.`, variable.range)
  const inner = { ...place, locals }
  const bodies = rest.map((body) => place.compile(body, inner))
  const each: Loop = {
    items: itemsOf(place.compile(range, place), range.range),
    slot,
    cost: rest.reduce((sum, body) => sum + nodesOf(body), 1),
    at: node.range,
  }
  const [first, second] = bodies as [Closure, Closure | undefined]
  switch (macro) {
    case 'all':
      return quantifier(each, first, false)
    case 'exists':
      return quantifier(each, first, true)
    case 'exists_one':
      return (run) => selected(run, each, first).length === 1
    case 'filter':
      return (run) => selected(run, each, first)
    case 'map':
      return second === undefined ? mapped(each, first) : mapped(each, second, first)
  }
}

type Loop = {
  readonly items: (run: Run) => readonly unknown[]
  readonly slot: number
  /** Steps of one turn. */
  readonly cost: number
  readonly at: SourceRange
}

/** The keys, of a map. */
function itemsOf(range: Closure, at: SourceRange): (run: Run) => readonly unknown[] {
  return (run) => {
    const value = range(run)
    if (Array.isArray(value)) return value
    if (isCelRecord(value)) return Object.keys(value)
    throw new EvaluationFault(`Only lists and maps have elements, this is ${typeName(value)}.`, at)
  }
}

/** How many nodes a tree has, about. */
function nodesOf(node: ASTNode): number {
  const within = (value: unknown): number => {
    if (Array.isArray(value)) return value.reduce<number>((sum, each) => sum + within(each), 0)
    return isNode(value) ? nodesOf(value) : 0
  }
  return 1 + within(node.args)
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value
}

/** `decisive` ends the loop; faults count only when nothing decided. */
function quantifier({ items, slot, cost, at }: Loop, body: Closure, decisive: boolean): Closure {
  return (run) => {
    let fault: EvaluationFault | undefined
    for (const item of items(run)) {
      charge(run, cost, at)
      run.locals[slot] = item
      try {
        if (bool(body(run), at) === decisive) return decisive
      } catch (error) {
        if (!(error instanceof EvaluationFault) || error.final) throw error
        fault ??= error
      }
    }
    if (fault !== undefined) throw fault
    return !decisive
  }
}

function selected(run: Run, { items, slot, cost, at }: Loop, body: Closure): unknown[] {
  return items(run).filter((item) => {
    charge(run, cost, at)
    run.locals[slot] = item
    return bool(body(run), at)
  })
}

function mapped(loop: Loop, transform: Closure, filter?: Closure): Closure {
  const { items, slot, cost, at } = loop
  return (run) => {
    const kept = filter === undefined ? items(run) : selected(run, loop, filter)
    return kept.map((item) => {
      charge(run, cost, at)
      run.locals[slot] = item
      return transform(run)
    })
  }
}
