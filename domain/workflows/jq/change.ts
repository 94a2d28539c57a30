import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../kernel/json.ts'
import { boundsOf, index } from './access.ts'
import type { Budget } from './budget.ts'
import { add } from './operators.ts'
import { compare, fail, setMember, typeOf } from './values.ts'

/** jq refuses larger ones too. */
const LARGEST_INDEX = 536_870_911

/**
 * Changes one value step by step. Containers that it made itself it changes in place, so that many
 * small changes of a large value cost no more than they should.
 */
export class Change {
  readonly #budget: Budget
  readonly #own = new Set<object>()
  #value: Json

  constructor(budget: Budget, value: Json) {
    this.#budget = budget
    this.#value = value
  }

  get value(): Json {
    return this.#value
  }

  /** What is at `keys`, null if nothing is. Whoever asks may keep it, so that it is not changed in place any more. */
  read(keys: readonly Json[]): Json {
    const found = readPath(this.#budget, this.#value, keys)
    if (typeof found === 'object' && found !== null && this.#own.has(found)) this.#own.clear()
    return found
  }

  /** Someone else may have a part of the value now. */
  share(): void {
    this.#own.clear()
  }

  replace(value: Json): void {
    this.#value = value
    this.#own.clear()
  }

  /** Adds what is nobody else's: `+`, but long lists and objects grow in place. */
  add(value: Json): void {
    const before = this.#value
    if (isJsonArray(before) && isJsonArray(value)) {
      const list = this.#ownList(before)
      this.#grow(value.length)
      for (const each of value) list.push(each)
      this.#value = list
    } else if (isJsonObject(before) && isJsonObject(value)) {
      const object = this.#ownObject(before)
      const keys = Object.keys(value)
      this.#grow(4 * keys.length)
      for (const key of keys) setMember(object, key, value[key] ?? null)
      this.#value = object
    } else this.replace(add(this.#budget, before, value))
  }

  #grow(elements: number): void {
    this.#budget.steps(elements)
    this.#budget.bytes(8 * elements)
  }

  write(keys: readonly Json[], value: Json): void {
    this.#value = this.#written(this.#value, keys, 0, value)
  }

  /** Deletes all of `paths`, as they were before. */
  delete(paths: readonly (readonly Json[])[]): void {
    const budget = this.#budget
    const last = [...paths].sort((left, right) => compare(budget, right, left))
    for (const keys of last) this.#value = this.#without(this.#value, keys, 0)
  }

  #written(container: Json, keys: readonly Json[], at: number, value: Json): Json {
    const key = keys[at]
    if (key === undefined) return value
    this.#budget.step()
    const before = at + 1 === keys.length ? null : index(this.#budget, container, key)
    return this.#put(container, key, this.#written(before, keys, at + 1, value))
  }

  #put(container: Json, key: Json, value: Json): Json {
    if (typeof key === 'string' && (container === null || isJsonObject(container))) {
      const object = this.#ownObject(container)
      setMember(object, key, value)
      return object
    }
    const isList = container === null || isJsonArray(container)
    if (typeof key === 'number' && isList) return this.#putElement(container ?? [], key, value)
    if (isJsonObject(key) && isList) return this.#putSlice(container ?? [], key, value)
    return refuseToPut(this.#budget, container, key)
  }

  #putElement(list: readonly Json[], key: number, value: Json): Json {
    const whole = Number.isNaN(key)
      ? fail('Cannot set array element at NaN index')
      : Math.floor(key)
    const at = whole < 0 ? whole + list.length : whole
    if (at < 0) return fail('Out of bounds negative array index')
    if (at > LARGEST_INDEX) return fail('Array index too large')
    const own = this.#ownList(list)
    this.#budget.bytes(8 * Math.max(0, at - own.length))
    while (own.length < at) own.push(null)
    own[at] = value
    return own
  }

  #putSlice(list: readonly Json[], key: JsonObject, value: Json): Json {
    const { from, to } = boundsOf(key, list.length)
    if (!isJsonArray(value)) return fail('A slice of an array can only be assigned another array')
    this.#budget.bytes(8 * (list.length + value.length))
    const copy = [...list.slice(0, from), ...value, ...list.slice(to)]
    this.#own.add(copy)
    return copy
  }

  #without(container: Json, keys: readonly Json[], at: number): Json {
    const key = keys[at]
    if (key === undefined || container === null) return null
    this.#budget.step()
    if (at + 1 === keys.length) return this.#remove(container, key)
    const inner = index(this.#budget, container, key)
    if (inner === null) return container
    return this.#put(container, key, this.#without(inner, keys, at + 1))
  }

  #remove(container: Json, key: Json): Json {
    if (isJsonObject(container)) {
      if (typeof key !== 'string') return refuseToRemove(container, key)
      if (!Object.hasOwn(container, key)) return container
      const object = this.#ownObject(container)
      delete object[key]
      return object
    }
    if (!isJsonArray(container)) return refuseToRemove(container, key)
    if (typeof key === 'number') return this.#removeRange(container, Math.floor(key), 1)
    if (!isJsonObject(key)) return refuseToRemove(container, key)
    const { from, to } = boundsOf(key, container.length)
    return this.#removeRange(container, from, to - from)
  }

  #removeRange(list: readonly Json[], start: number, count: number): Json {
    const at = start < 0 ? start + list.length : start
    if (!(at >= 0 && at < list.length) || count === 0) return list
    this.#budget.steps(list.length >> 5)
    const own = this.#ownList(list)
    own.splice(at, count)
    return own
  }

  #ownObject(object: JsonObject | null): { [key: string]: Json } {
    if (object !== null && this.#own.has(object)) return object as { [key: string]: Json }
    const copy = { ...object }
    const size = Object.keys(copy).length
    this.#budget.steps(4 * size)
    this.#budget.bytes(32 * size + 16)
    this.#own.add(copy)
    return copy
  }

  #ownList(list: readonly Json[]): Json[] {
    if (this.#own.has(list)) return list as Json[]
    const copy = list.slice()
    this.#budget.steps(copy.length >> 4)
    this.#budget.bytes(8 * copy.length + 16)
    this.#own.add(copy)
    return copy
  }
}

/** `getpath`: below what is not there there is nothing. */
export function readPath(budget: Budget, value: Json, keys: readonly Json[]): Json {
  let found = value
  for (const key of keys) {
    budget.step()
    found = index(budget, found, key)
  }
  return found
}

/** What cannot even be read is refused as such. */
function refuseToPut(budget: Budget, container: Json, key: Json): never {
  index(budget, container, key)
  return fail(
    isJsonArray(container)
      ? 'Cannot update field at array index of array'
      : 'Cannot update string slices',
  )
}

function refuseToRemove(container: Json, key: Json): never {
  const kind = typeOf(key)
  if (isJsonObject(container)) return fail(`Cannot delete ${kind} field of object`)
  if (isJsonArray(container)) return fail(`Cannot delete ${kind} element of array`)
  return fail(`Cannot delete fields from ${typeOf(container)}`)
}
