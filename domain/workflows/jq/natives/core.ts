import { isJsonArray, isJsonObject, type Json } from '../../../kernel/json.ts'
import { isPlain, iterate } from '../access.ts'
import { type Code, passingCode, type Run, valueCode } from '../code.ts'
import { Raised } from '../errors.ts'
import { add } from '../operators.ts'
import { textOf } from '../text.ts'
import { describe, fail, isTrue, sortedKeys, typeOf } from '../values.ts'
import { contains } from './contains.ts'
import { type Natives, passing0, value0, value1, with1 } from './define.ts'
import { fromJson, numberIn } from './from-json.ts'

export const CORE: Natives = {
  'not/0': value0((_run, input) => !isTrue(input)),
  'true/0': value0(() => true),
  'false/0': value0(() => false),
  'null/0': value0(() => null),
  'error/0': () => raise(null),
  'error/1': with1(raise),
  'type/0': value0((_run, input) => typeOf(input)),
  'length/0': value0((_run, input) => lengthOf(input)),
  'utf8bytelength/0': value0((_run, input) => bytesOf(input)),
  'tojson/0': value0(textOf),
  'fromjson/0': value0(fromJson),
  'tostring/0': passing0((run, input) => (typeof input === 'string' ? input : textOf(run, input))),
  'tonumber/0': passing0((_run, input) => toNumber(input)),
  'toboolean/0': value0((_run, input) => toBoolean(input)),
  'toarray/0': value0((_run, input) => (isJsonArray(input) ? input : [input])),
  'keys/0': value0((run, input) => keys(run, input, sortedKeys)),
  'keys_unsorted/0': value0((run, input) =>
    keys(run, input, (_run, object) => Object.keys(object)),
  ),
  'has/1': value1((_run, input, key) => has(input, key)),
  'contains/1': value1(contains),
  'add/0': passing0((run, input) => sum(run, (use) => iterate(run, input, use))),
  'add/1': with1((of) =>
    passingCode((run, env, input) => sum(run, (use) => of.each(run, env, input, use))),
  ),
  'now/0': value0((run) => run.now / 1_000),
}

function raise(of: Code | null): Code {
  if (of?.one || of === null)
    return valueCode((run, env, input) => {
      throw new Raised(of?.one ? of.one(run, env, input) : input)
    })
  return {
    one: null,
    each: (run, env, input) =>
      of.each(run, env, input, (value) => {
        throw new Raised(value)
      }),
    paths: (run, env, _path, input) =>
      of.each(run, env, input, (value) => {
        throw new Raised(value)
      }),
  }
}

export function lengthOf(value: Json): number {
  if (value === null) return 0
  if (typeof value === 'number') return Math.abs(value)
  if (typeof value === 'string') return isPlain(value) ? value.length : Array.from(value).length
  if (isJsonArray(value)) return value.length
  return isJsonObject(value) ? Object.keys(value).length : fail(`${describe(value)} has no length`)
}

function bytesOf(value: Json): number {
  if (typeof value !== 'string')
    return fail(`${describe(value)} only strings have UTF-8 byte length`)
  return new TextEncoder().encode(value).length
}

function toNumber(value: Json): number {
  if (typeof value === 'number') return value
  const number = typeof value === 'string' ? numberIn(value) : undefined
  return number ?? fail(`${describe(value)} cannot be parsed as a number`)
}

function toBoolean(value: Json): boolean {
  if (typeof value === 'boolean') return value
  if (value === 'true' || value === 'false') return value === 'true'
  return fail(`${describe(value)} cannot be parsed as a boolean`)
}

function keys(
  run: Run,
  value: Json,
  ofObject: (run: Run, object: { readonly [key: string]: Json }) => readonly string[],
): Json {
  const length = isJsonArray(value) ? value.length : 0
  run.bytes(8 * length)
  if (isJsonArray(value)) return value.map((_each, at) => at)
  if (!isJsonObject(value)) return fail(`${describe(value)} has no keys`)
  const names = ofObject(run, value)
  run.bytes(16 * names.length)
  return names
}

function has(value: Json, key: Json): boolean {
  if (value === null) return false
  if (isJsonObject(value) && typeof key === 'string') return Object.hasOwn(value, key)
  if (isJsonArray(value) && typeof key === 'number') return key >= 0 && key < value.length
  return fail(`Cannot check whether ${typeOf(value)} has a ${typeOf(key)} key`)
}

function sum(run: Run, each: (use: (value: Json) => void) => void): Json {
  let total: Json = null
  let list: Json[] | null = null
  each((value) => {
    // Lists are joined in place: one after the other would be quadratic.
    if (list === null && isJsonArray(total) && isJsonArray(value)) list = copied(run, total)
    if (list !== null && isJsonArray(value)) {
      run.steps(value.length)
      run.bytes(8 * value.length)
      for (const item of value) list.push(item)
    } else {
      total = add(run, list ?? total, value)
      list = null
    }
  })
  return list ?? total
}

function copied(run: Run, list: readonly Json[]): Json[] {
  run.bytes(8 * list.length)
  return [...list]
}
