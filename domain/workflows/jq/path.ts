import type { Json } from '../../kernel/json.ts'
import type { Budget } from './budget.ts'
import { excerptOf } from './text.ts'
import { fail } from './values.ts'

/**
 * A path from an input to one of its parts, innermost key first. As in jq it is kept while a program goes
 * on with other values, and may be used again where the value is the part itself.
 */
export type Path = {
  readonly up: Path | null
  readonly key: Json
  readonly length: number
  /** The part. */
  readonly value: Json
  /** What the program goes on with was made: it is not the part, even where it is an equal text or number. */
  readonly isLeft: boolean
}

export function rootOf(value: Json): Path {
  return { up: null, key: null, length: 0, value, isLeft: false }
}

/** The path of what goes on with `value`, which was made there. */
export function withMade(path: Path, value: Json): Path {
  const isLeft = typeof value === 'number' || typeof value === 'string'
  return isLeft === path.isLeft ? path : { ...path, isLeft }
}

/** The path of what goes on with another value. */
export function notLeft(path: Path): Path {
  return path.isLeft ? { ...path, isLeft: false } : path
}

export function below(budget: Budget, path: Path, key: Json, value: Json): Path {
  budget.bytes(40)
  return { up: path, key, length: path.length + 1, value, isLeft: false }
}

export function isAt(path: Path, value: Json): boolean {
  return !path.isLeft && Object.is(path.value, value)
}

/** Outermost key first: what `path(…)` gives. */
export function keysOf(budget: Budget, path: Path): readonly Json[] {
  budget.bytes(8 * path.length)
  const keys = new Array<Json>(path.length)
  for (let each = path; each.up !== null; each = each.up) keys[each.length - 1] = each.key
  return keys
}

/** A path expression ends in a value that is not a part of the input. */
export function invalidResult(value: Json): never {
  return fail(`Invalid path expression with result ${excerptOf(value)}`)
}

export function invalidAccess(key: Json, value: Json): never {
  return fail(
    `Invalid path expression near attempt to access element ${excerptOf(key)} of ${excerptOf(value)}`,
  )
}

export function invalidIteration(value: Json): never {
  return fail(`Invalid path expression near attempt to iterate through ${excerptOf(value)}`)
}
