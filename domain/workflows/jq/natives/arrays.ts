import { isJsonArray, isJsonObject, type Json } from '../../../kernel/json.ts'
import { index, iterate } from '../access.ts'
import { type Code, type Env, type Run, valueCode } from '../code.ts'
import { subtract } from '../operators.ts'
import { numberText } from '../text.ts'
import { compare, describe, equal, fail, isTrue } from '../values.ts'
import { lengthOf } from './core.ts'
import { type Native, type Natives, value0, value1, with1 } from './define.ts'

const UNSORTED = 'cannot be sorted, as they are not both arrays'
const NOT_ITERABLE = 'cannot be iterated over'

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
  'min_by/1': by((run, pairs) => extreme(run, pairs, isLess), NOT_ITERABLE),
  'max_by/1': by((run, pairs) => extreme(run, pairs, isNotLess), NOT_ITERABLE),
  'reverse/0': value0(reverse),
  'flatten/0': value0((run, input) => flatten(run, input, Number.POSITIVE_INFINITY)),
  'flatten/1': value1(flatten),
  'transpose/0': value0(transpose),
  'join/1': value1(join),
  '_strindices/1': value1(placesInText),
  'bsearch/1': value1(bsearch),
  'any/0': value0((run, input) => elements(run, input).some(isTrue)),
  'all/0': value0((run, input) => elements(run, input).every(isTrue)),
}

/** A value, and what it is sorted by. */
type Pair = { readonly key: Json; readonly value: Json }

/** Functions of a list whose elements have a key: all outputs of the argument. */
function by(apply: (run: Run, pairs: readonly Pair[]) => Json, refusal = UNSORTED): Native {
  return with1((key) =>
    valueCode((run, env, input) => {
      const pairs: Pair[] = []
      iterate(run, input, (value) => pairs.push({ key: keyOf(run, env, key, value), value }))
      if (isJsonArray(input)) return apply(run, pairs)
      return fail(`${describe(input)} and ${describe(pairs.map(({ key }) => key))} ${refusal}`)
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
    ? input.map((value) => ({ key: value, value }))
    : fail(`${describe(input)} and ${describe(input)} ${NOT_ITERABLE}`)
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
  const length = lengthOf(input)
  return length === 0 ? [] : index(run, input, length - 1)
}

function elements(_run: Run, input: Json): readonly Json[] {
  if (isJsonArray(input)) return input
  return isJsonObject(input) ? Object.values(input) : fail(`Cannot iterate over ${describe(input)}`)
}

function flatten(run: Run, input: Json, depth: Json): Json {
  if (compare(run, depth, 0) < 0) return fail('flatten depth must not be negative')
  const flat: Json[] = []
  const into = (list: readonly Json[], left: Json): void => {
    run.enter(1)
    for (const each of list) {
      run.step()
      if (isJsonArray(each) && left !== 0) into(each, subtract(run, left, 1))
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
  let text = ''
  let isFirst = true
  for (const part of elements(run, input)) {
    run.step()
    if (!isFirst) text = added(run, text, separator)
    text = added(run, text, textIn(part))
    isFirst = false
  }
  return text
}

function textIn(part: Json): Json {
  if (typeof part === 'number') return numberText(part)
  return typeof part === 'boolean' ? String(part) : part
}

function added(run: Run, text: string, part: Json): string {
  if (part === null) return text
  if (typeof part !== 'string')
    return fail(`${describe(text)} and ${describe(part)} cannot be added`)
  run.bytes(part.length)
  return text + part
}

/** In code points; places may overlap. */
function placesInText(run: Run, text: Json, part: Json): Json {
  if (typeof text !== 'string' || typeof part !== 'string')
    return fail('_strindices input must be a string')
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
