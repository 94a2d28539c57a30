import type { ASTNode } from '@marcbachmann/cel-js'
import { pathOf } from './path.ts'
import type { Place } from './place.ts'

/** A field of the event, and what must be true of it for the whole condition to be. Values as in JSON. */
export type Conjunct =
  | {
      readonly kind: 'one-of'
      readonly path: readonly (string | number)[]
      readonly values: readonly (string | number | boolean)[]
    }
  | {
      /** `above`: nothing below `bound` will do; `below`: nothing above it. */
      readonly kind: 'above' | 'below'
      readonly path: readonly (string | number)[]
      readonly bound: number
    }

/** Of `a && b && …` those parts that compare a field of the event with a literal. */
export function conjunctsOf(node: ASTNode, place: Place): readonly Conjunct[] {
  if (node.op === '&&')
    return [...conjunctsOf(node.args[0], place), ...conjunctsOf(node.args[1], place)]
  switch (node.op) {
    case '==':
      return (
        equality(node.args[0], node.args[1], place) ??
        equality(node.args[1], node.args[0], place) ??
        []
      )
    case 'in':
      return membership(node.args[0], node.args[1], place)
    case '>':
    case '>=':
      return range('above', node.args, place)
    case '<':
    case '<=':
      return range('below', node.args, place)
    default:
      return []
  }
}

/** Instants are left out: many texts stand for the same one. */
function eventPath(node: ASTNode, place: Place): readonly (string | number)[] | undefined {
  const path = pathOf(node, place)
  if (path === undefined || typeof path === 'string') return undefined
  return path.root === 'event' && path.type.kind !== 'timestamp' ? path.keys : undefined
}

function scalar(node: ASTNode): string | number | boolean | undefined {
  if (node.op === '-_') {
    const value = scalar(node.args)
    return typeof value === 'number' ? -value : undefined
  }
  if (node.op !== 'value') return undefined
  const value = typeof node.args === 'bigint' ? Number(node.args) : node.args
  if (typeof value === 'number')
    return Math.abs(value) <= Number.MAX_SAFE_INTEGER ? value : undefined
  return typeof value === 'string' || typeof value === 'boolean' ? value : undefined
}

function equality(field: ASTNode, literal: ASTNode, place: Place): readonly Conjunct[] | undefined {
  const path = eventPath(field, place)
  const value = scalar(literal)
  return path === undefined || value === undefined
    ? undefined
    : [{ kind: 'one-of', path, values: [value] }]
}

function membership(field: ASTNode, list: ASTNode, place: Place): readonly Conjunct[] {
  const path = eventPath(field, place)
  if (path === undefined || list.op !== 'list') return []
  const values = list.args.map(scalar)
  return values.every((value) => value !== undefined) ? [{ kind: 'one-of', path, values }] : []
}

function range(
  direction: 'above' | 'below',
  [left, right]: readonly [ASTNode, ASTNode],
  place: Place,
): readonly Conjunct[] {
  const [path, bound] = [eventPath(left, place), scalar(right)]
  if (path !== undefined && typeof bound === 'number') return [{ kind: direction, path, bound }]
  const [flipped, literal] = [eventPath(right, place), scalar(left)]
  if (flipped === undefined || typeof literal !== 'number') return []
  return [{ kind: direction === 'above' ? 'below' : 'above', path: flipped, bound: literal }]
}
