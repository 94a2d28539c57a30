import type { ASTNode, BinaryOperator, SourceRange } from '@marcbachmann/cel-js'
import { isWindowFunction } from '../window-spec.ts'
import { compileComprehension, isComprehension } from './comprehension.ts'
import { FUNCTIONS, METHODS } from './functions.ts'
import { compileAnd, compileOr, compileTernary, not } from './logic.ts'
import { BINARY, int64 } from './operators.ts'
import { hasPath, member, numberOf, pathOf, readPath } from './path.ts'
import type { Place } from './place.ts'
import { compileMatches } from './regex.ts'
import { type Closure, EvaluationFault } from './run.ts'
import { Refusal } from './scope.ts'
import { isCelRecord, isNumeric, typeName } from './values.ts'
import { compileWindow, windowNumber } from './window-call.ts'

/**
 * Makes closures of a checked tree.
 *
 * @throws {Refusal} for what conditions may not do.
 */
export function compileNode(node: ASTNode, place: Place): Closure {
  const path = pathOf(node, place)
  if (typeof path === 'string') throw new Refusal(`${path}.`, node.range)
  if (path !== undefined) {
    if (path.keys.length === 0) throw new Refusal(`Name a field of ${path.root}.`, node.range)
    return readPath(path)
  }
  switch (node.op) {
    case 'value':
      return literal(node.args, node.range)
    case 'id':
      return local(node.args, node.range, place)
    case '&&':
      return compileAnd(
        compileNode(node.args[0], place),
        compileNode(node.args[1], place),
        node.range,
      )
    case '||':
      return compileOr(
        compileNode(node.args[0], place),
        compileNode(node.args[1], place),
        node.range,
      )
    case '!_':
      return not(compileNode(node.args, place), node.range)
    case '-_':
      return negate(compileNode(node.args, place), node.range)
    case '?:': {
      const [condition, yes, no] = node.args
      return compileTernary(
        compileNode(condition, place),
        compileNode(yes, place),
        compileNode(no, place),
        condition.range,
      )
    }
    case '.':
      return field(compileNode(node.args[0], place), node.args[1], node.range)
    case '[]':
      return index(compileNode(node.args[0], place), compileNode(node.args[1], place), node.range)
    case 'list': {
      const items = node.args.map((item) => compileNode(item, place))
      return (run) => items.map((item) => item(run))
    }
    case 'map':
      return map(node.args, place)
    case 'call':
      return call(node, place)
    case 'rcall':
      return method(node, place)
    case '.?':
    case '[?]':
      throw new Refusal('Optional fields are asked for with has().', node.range)
    default:
      return binary(node.op, node.args, node.range, place)
  }
}

function literal(value: unknown, at: SourceRange): Closure {
  if (typeof value === 'object' && value !== null)
    throw new Refusal('Bytes and unsigned integers are not available in conditions.', at)
  return () => value
}

function local(name: string, at: SourceRange, place: Place): Closure {
  const slot = place.locals.get(name)
  if (slot === undefined) throw new Refusal(`There is no ${name} in conditions.`, at)
  return (run) => run.locals[slot]
}

function negate(operand: Closure, at: SourceRange): Closure {
  return (run) => {
    const value = operand(run)
    if (typeof value === 'number') return -value
    if (typeof value === 'bigint') return int64(-value, at)
    throw new EvaluationFault(`There is no -${typeName(value)}.`, at)
  }
}

function field(target: Closure, key: string, at: SourceRange): Closure {
  return (run) => {
    const value = member(target(run), key)
    if (value === undefined) throw new EvaluationFault(`There is no ${key}.`, at)
    return value
  }
}

function index(target: Closure, key: Closure, at: SourceRange): Closure {
  return (run) => {
    const within = target(run)
    const at_ = key(run)
    const found = member(within, isNumeric(at_) ? Number(at_) : String(at_))
    if (found === undefined || typeof at_ === 'boolean')
      throw new EvaluationFault(`There is no element ${String(at_).slice(0, 100)}.`, at)
    return found
  }
}

function map(entries: readonly (readonly [ASTNode, ASTNode])[], place: Place): Closure {
  const compiled = entries.map(([key, value]) => {
    if (key.op !== 'value' || typeof key.args !== 'string')
      throw new Refusal('The keys of a map are strings, as literals.', key.range)
    return [key.args, compileNode(value, place)] as const
  })
  return (run) => Object.fromEntries(compiled.map(([key, value]) => [key, value(run)]))
}

function call(node: ASTNode & { readonly op: 'call' }, place: Place): Closure {
  const [name, args] = node.args
  if (isWindowFunction(name)) return compileWindow(name, args, node.range, place)
  if (name === 'has') return has(args[0], node.range, place)
  return applied(FUNCTIONS.get(`${name}/${args.length}`), name, args, node.range, place)
}

function has(argument: ASTNode | undefined, at: SourceRange, place: Place): Closure {
  if (argument?.op !== '.') throw new Refusal('has() takes a field, like event.data.name.', at)
  const path = pathOf(argument, place)
  if (typeof path === 'string') throw new Refusal(`${path}.`, argument.range)
  if (path !== undefined) return hasPath(path)
  const target = compileNode(argument.args[0], place)
  const key = argument.args[1]
  return (run) => {
    const within = target(run)
    if (isCelRecord(within)) return member(within, key) !== undefined
    throw new EvaluationFault(`${typeName(within)} has no fields.`, at)
  }
}

function method(node: ASTNode & { readonly op: 'rcall' }, place: Place): Closure {
  const [name, receiver, args] = node.args
  if (isComprehension(name)) return compileComprehension(name, node, place)
  if (name === 'matches' && args[0] !== undefined)
    return compileMatches(compileNode(receiver, place), args[0], node.range)
  const all = [receiver, ...args]
  return applied(METHODS.get(`${name}/${all.length}`), name, all, node.range, place)
}

function applied(
  work: ReturnType<typeof FUNCTIONS.get>,
  name: string,
  args: readonly ASTNode[],
  at: SourceRange,
  place: Place,
): Closure {
  if (work === undefined) throw new Refusal(`${name}() is not available in conditions.`, at)
  const [a, b, c] = args.map((arg) => compileNode(arg, place))
  if (a === undefined) throw new Refusal(`${name}() needs an argument.`, at)
  if (b === undefined) return (run) => work(run, at, a(run), undefined, undefined)
  if (c === undefined) return (run) => work(run, at, a(run), b(run), undefined)
  return (run) => work(run, at, a(run), b(run), c(run))
}

function binary(
  operator: BinaryOperator,
  [left, right]: readonly [ASTNode, ASTNode],
  at: SourceRange,
  place: Place,
): Closure {
  const quick =
    quickEquality(operator, left, right, place) ?? quickComparison(operator, left, right, place)
  if (quick !== undefined) return quick
  const a = compileNode(left, place)
  const b = compileNode(right, place)
  const operation = BINARY[operator]
  return (run) => operation(run, a(run), b(run), at)
}

/** A string literal equals nothing but the same string, so that no operand has to be looked at closely. */
function quickEquality(
  operator: BinaryOperator,
  left: ASTNode,
  right: ASTNode,
  place: Place,
): Closure | undefined {
  const literals = stringLiterals(right)
  if (literals === undefined) return undefined
  const value = compileNode(left, place)
  if (operator === 'in' && right.op === 'list') return (run) => literals.has(value(run))
  if (right.op === 'list') return undefined
  const [text] = literals
  if (operator === '==') return (run) => value(run) === text
  return operator === '!=' ? (run) => value(run) !== text : undefined
}

function stringLiterals(node: ASTNode): ReadonlySet<unknown> | undefined {
  const nodes = node.op === 'list' ? node.args : [node]
  const values = nodes.map((each) => (each.op === 'value' ? each.args : undefined))
  return values.every((value) => typeof value === 'string') ? new Set(values) : undefined
}

const NUMERIC: Readonly<Record<string, (a: Closure, b: Closure) => Closure>> = {
  '==': (a, b) => (run) => a(run) === b(run),
  '!=': (a, b) => (run) => a(run) !== b(run),
  '<': (a, b) => (run) => (a(run) as number) < (b(run) as number),
  '<=': (a, b) => (run) => (a(run) as number) <= (b(run) as number),
  '>': (a, b) => (run) => (a(run) as number) > (b(run) as number),
  '>=': (a, b) => (run) => (a(run) as number) >= (b(run) as number),
}

/** Integers of JSON are exact as numbers, so comparing them needs no bigint. */
function quickComparison(
  operator: BinaryOperator,
  left: ASTNode,
  right: ASTNode,
  place: Place,
): Closure | undefined {
  const make = NUMERIC[operator]
  if (make === undefined) return undefined
  const a = numberForm(left, place)
  const b = a && numberForm(right, place)
  return a && b && make(a, b)
}

function numberForm(node: ASTNode, place: Place): Closure | undefined {
  if (node.op === 'value') {
    const value = typeof node.args === 'bigint' ? Number(node.args) : node.args
    const exact =
      typeof value === 'number' && (typeof node.args === 'number' || Number.isSafeInteger(value))
    return exact ? () => value : undefined
  }
  if (node.op === 'call' && isWindowFunction(node.args[0]))
    return windowNumber(node.args[0], node.args[1], node.range, place)
  const path = pathOf(node, place)
  return path === undefined || typeof path === 'string' ? undefined : numberOf(path)
}
