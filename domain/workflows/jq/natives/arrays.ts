import { isJsonArray, isJsonObject, type Json } from '../../../kernel/json.ts'
import { index, placesOf } from '../access.ts'
import { type Code, type Env, type Run, valueCode } from '../code.ts'
import { numberText } from '../text.ts'
import { compare, describe, equal, fail, isTrue, typeOf } from '../values.ts'
import { lengthOf } from './core.ts'
import { type Native, type Natives, value0, value1, with1 } from './define.ts'

export const ARRAYS: Natives = {
  'sort/0': value0((run, input) => sorted(run, listToSort(input))),
  'sort_by/1': by((run, pairs) => sortPairs(run, pairs).map(({ value }) => value)),
  'group_by/1': by((run, pairs) =>
    groups(run, pairs).map((group) => group.map(({ value }) => value)),
  ),
  'unique/0': value0((run, input) => unique(run, listToSort(input))),
  'unique_by/1': by((run, pairs) => groups(run, pairs).map((group) => group[0]?.value ?? null)),
  'min/0': value0((run, input) => extreme(run, pairsOf(input), isLess)),
  'max/0': value0((run, input) => extreme(run, pairsOf(input), isNotLess)),
  'min_by/1': by((run, pairs) => extreme(run, pairs, isLess)),
  'max_by/1': by((run, pairs) => extreme(run, pairs, isNotLess)),
  'reverse/0': value0(reverse),
  'flatten/0': value0((run, input) => flatten(run, input, Number.POSITIVE_INFINITY)),
  'flatten/1': value1(flatten),
  'transpose/0': value0(transpose),
  'join/1': value1(join),
  'indices/1': value1(indices),
  'index/1': value1((run, input, part) => index(run, indices(run, input, part), 0)),
  'rindex/1': value1((run, input, part) => index(run, indices(run, input, part), -1)),
  'bsearch/1': value1(bsearch),
  'any/0': value0((run, input) => elements(run, input).some(isTrue)),
  'all/0': value0((run, input) => elements(run, input).every(isTrue)),
}

/** A value, and what it is sorted by. */
type Pair = { readonly key: Json; readonly value: Json; readonly at: number }

/** Functions of a list whose elements have a key: all outputs of the argument. */
function by(apply: (run: Run, pairs: readonly Pair[]) => Json): Native {
  return with1((key) =>
    valueCode((run, env, input) => {
      const list = isJsonArray(input)
        ? input
        : fail(`Cannot index ${typeOf(input)} with number (0)`)
      return apply(
        run,
        list.map((value, at) => ({ key: keyOf(run, env, key, value), value, at })),
      )
    }),
  )
}

function keyOf(run: Run, env: Env, key: Code, value: Json): Json {
  run.step()
  run.bytes(48)
  if (key.one !== null) return [key.one(run, env, value)]
  const outputs: Json[] = []
  key.each(run, env, value, (output) => {
    run.step()
    run.bytes(8)
    outputs.push(output)
  })
  return outputs
}

function listToSort(input: Json): readonly Json[] {
  return isJsonArray(input)
    ? input
    : fail(`${describe(input)} cannot be sorted, as it is not an array`)
}

function sorted(run: Run, list: readonly Json[]): readonly Json[] {
  run.bytes(8 * list.length)
  return [...list].sort((left, right) => compare(run, left, right))
}

function unique(run: Run, list: readonly Json[]): readonly Json[] {
  return sorted(run, list).filter(
    (value, at, all) => at === 0 || compare(run, all[at - 1] ?? null, value) !== 0,
  )
}

function sortPairs(run: Run, pairs: readonly Pair[]): readonly Pair[] {
  run.bytes(8 * pairs.length)
  return [...pairs].sort((left, right) => compare(run, left.key, right.key))
}

function groups(run: Run, pairs: readonly Pair[]): readonly (readonly Pair[])[] {
  const found: Pair[][] = []
  for (const pair of sortPairs(run, pairs)) {
    const group = found.at(-1)
    const [first] = group ?? []
    if (group && first && compare(run, first.key, pair.key) === 0) group.push(pair)
    else found.push([pair])
  }
  return found
}

function pairsOf(input: Json): readonly Pair[] {
  return isJsonArray(input)
    ? input.map((value, at) => ({ key: value, value, at }))
    : fail(`${describe(input)} and ${describe(input)} cannot be iterated over`)
}

type IsBetter = (order: number) => boolean

const isLess: IsBetter = (order) => order < 0
/** Of several that are the greatest, the last. */
const isNotLess: IsBetter = (order) => order >= 0

function extreme(run: Run, pairs: readonly Pair[], isBetter: IsBetter): Json {
  let best: Pair | undefined
  for (const pair of pairs)
    if (best === undefined || isBetter(compare(run, pair.key, best.key))) best = pair
  return best?.value ?? null
}

function reverse(run: Run, input: Json): Json {
  if (isJsonArray(input)) {
    run.bytes(8 * input.length)
    return input.toReversed()
  }
  return lengthOf(input) === 0 ? [] : fail(`Cannot index ${typeOf(input)} with number (0)`)
}

function elements(_run: Run, input: Json): readonly Json[] {
  if (isJsonArray(input)) return input
  return isJsonObject(input) ? Object.values(input) : fail(`Cannot iterate over ${describe(input)}`)
}

function flatten(run: Run, input: Json, depth: Json): Json {
  if (typeof depth !== 'number') return fail('flatten depth must be a number')
  if (depth < 0) return fail('flatten depth must not be negative')
  const flat: Json[] = []
  const into = (list: readonly Json[], left: number): void => {
    run.enter(1)
    for (const each of list) {
      run.step()
      if (isJsonArray(each) && left > 0) into(each, left - 1)
      else {
        run.bytes(8)
        flat.push(each)
      }
    }
    run.leave(1)
  }
  into(elements(run, input), depth)
  return flat
}

function transpose(run: Run, input: Json): Json {
  const rows = elements(run, input)
  const width = rows.reduce<number>((widest, row) => Math.max(widest, lengthOf(row)), 0)
  run.steps(width * rows.length)
  run.bytes(8 * width * rows.length)
  return Array.from({ length: width }, (_, at) => rows.map((row) => index(run, row, at)))
}

function join(run: Run, input: Json, separator: Json): Json {
  const parts = elements(run, input)
  const between = separator ?? ''
  if (typeof between !== 'string') {
    if (parts.length > 1) fail(`${describe('')} and ${describe(separator)} cannot be added`)
    return parts.map(joined).join('')
  }
  const texts = parts.map((part) => {
    const text = joined(part)
    run.step()
    run.bytes(text.length + between.length)
    return text
  })
  return texts.join(between)
}

function joined(part: Json): string {
  if (typeof part === 'string') return part
  if (part === null) return ''
  if (typeof part === 'object') return fail(`${describe('')} and ${describe(part)} cannot be added`)
  return typeof part === 'number' ? numberText(part) : String(part)
}

function indices(run: Run, input: Json, part: Json): Json {
  if (typeof input === 'string' && typeof part === 'string') return placesInText(run, input, part)
  if (!isJsonArray(input)) return index(run, input, part)
  return placesOf(run, input, isJsonArray(part) ? part : [part])
}

/** In code points; places may overlap. */
function placesInText(run: Run, text: string, part: string): readonly number[] {
  const places: number[] = []
  if (part === '') return places
  let points = 0
  let counted = 0
  run.steps(text.length >> 4)
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + 1)) {
    run.step()
    run.bytes(8)
    for (; counted < at; counted++) if (!isLowSurrogate(text.charCodeAt(counted))) points++
    places.push(points)
  }
  return places
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff
}

/** Where it is in a sorted array, or `-1 - where it would be`. */
function bsearch(run: Run, input: Json, target: Json): Json {
  if (!isJsonArray(input)) return fail(`${describe(input)} cannot be searched from`)
  let low = 0
  let high = input.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compare(run, input[middle] ?? null, target) < 0) low = middle + 1
    else high = middle
  }
  const isFound = low < input.length && equal(run, input[low] ?? null, target)
  return isFound ? low : -1 - low
}
