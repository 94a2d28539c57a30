import { isJsonArray, isJsonObject, type Json } from '../../../kernel/json.ts'
import type { Run } from '../code.ts'
import { describe, equal, fail, member, typeOf } from '../values.ts'

/** Strings by part, arrays if each wanted element is in some element, objects member by member. */
export function contains(run: Run, whole: Json, part: Json): boolean {
  // To jq true and false are of two kinds.
  const isOther = typeof whole === 'boolean' ? whole !== part : typeOf(whole) !== typeOf(part)
  if (isOther)
    return fail(`${describe(whole)} and ${describe(part)} cannot have their containment checked`)
  return holds(run, whole, part)
}

function holds(run: Run, whole: Json, part: Json): boolean {
  run.step()
  if (isJsonObject(whole) && isJsonObject(part))
    return Object.keys(part).every(
      (key) => Object.hasOwn(whole, key) && holds(run, member(whole, key), member(part, key)),
    )
  if (isJsonArray(whole) && isJsonArray(part))
    return part.every((wanted) => whole.some((each) => holds(run, each, wanted)))
  if (typeof whole === 'string' && typeof part === 'string') {
    run.steps(whole.length >> 5)
    return whole.includes(part)
  }
  return equal(run, whole, part)
}
