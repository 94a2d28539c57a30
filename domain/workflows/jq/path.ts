import type { Json } from '../../kernel/json.ts'
import type { Budget } from './budget.ts'
import { excerptOf } from './text.ts'
import { fail } from './values.ts'

/** A path from an input to one of its parts, innermost key first. */
export type Path = { readonly up: Path | null; readonly key: Json; readonly length: number }

export const ROOT: Path = { up: null, key: null, length: 0 }

export function below(budget: Budget, path: Path, key: Json): Path {
  budget.bytes(24)
  return { up: path, key, length: path.length + 1 }
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
