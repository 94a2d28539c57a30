import type { Json } from '../../../kernel/json.ts'
import { isPlain } from '../access.ts'
import { type Code, type Emit, type Env, type Run, streamCode, valueCode } from '../code.ts'
import { add } from '../operators.ts'
import { describe, fail, setMember } from '../values.ts'
import { EMPTY, eachValue, type Native, type Natives, value1, value2 } from './define.ts'
import {
  chargeSearch,
  flagsOf,
  type Match,
  matchesIn,
  type Pattern,
  patternAndFlags,
  patternOf,
} from './patterns.ts'

export const REGEX: Natives = {
  'test/1': value1((run, input, of) => test(run, input, ...patternAndFlags(of))),
  'test/2': value2(test),
  'match/1': streamed((run, text, found, emit) => emit(matchObject(run, text, found))),
  'match/2': streamed((run, text, found, emit) => emit(matchObject(run, text, found))),
  'capture/1': streamed((run, text, found, emit) => emit(captures(run, text, found))),
  'capture/2': streamed((run, text, found, emit) => emit(captures(run, text, found))),
  'scan/1': scan,
  'scan/2': scan,
  'split/2': value2((run, input, of, flags) => pieces(run, input, of, flags)),
  'splits/1': (args) =>
    eachValue(args, (run, input, [of = null], emit) => pieces(run, input, of, null).forEach(emit)),
  'splits/2': (args) =>
    eachValue(args, (run, input, [of = null, flags = null], emit) =>
      pieces(run, input, of, flags).forEach(emit),
    ),
  'sub/2': substitution((_run, flags) => flags),
  'sub/3': substitution((_run, flags) => flags),
  'gsub/2': substitution((run, flags) => add(run, flags, 'g')),
  'gsub/3': substitution((run, flags) => add(run, flags, 'g')),
}

const NO_FLAGS = valueCode(() => null)

type Found = { readonly match: Match; readonly pattern: Pattern }

function textToMatch(input: Json): string {
  return typeof input === 'string'
    ? input
    : fail(`${describe(input)} cannot be matched, as it is not a string`)
}

function test(run: Run, input: Json, of: Json, flags: Json): boolean {
  const text = textToMatch(input)
  const meant = flagsOf(flags)
  const pattern = patternOf(run, of, meant)
  if (!meant.skipsEmpty) {
    chargeSearch(run, pattern, text.length)
    return pattern.regex.matcher(text).find()
  }
  let isFound = false
  matchesIn(run, text, pattern, { ...meant, isGlobal: false }, () => {
    isFound = true
  })
  return isFound
}

type Give = (run: Run, text: string, found: Found, emit: Emit) => void

function streamed(give: Give): Native {
  return (args) =>
    eachValue(args, (run, input, [of = null, second], emit) => {
      const [source, given] = second === undefined ? patternAndFlags(of) : [of, second]
      eachMatch(run, input, source, given, (text, found) => give(run, text, found, emit))
    })
}

function scan(args: readonly Code[]): Code {
  return eachValue(args, (run, input, [of = null, flags = null], emit) =>
    eachMatch(run, input, of, add(run, 'g', flags), (text, found) =>
      emit(scanned(run, text, found)),
    ),
  )
}

function eachMatch(
  run: Run,
  input: Json,
  source: Json,
  flags: Json,
  use: (text: string, found: Found) => void,
): void {
  const text = textToMatch(input)
  const meant = flagsOf(flags)
  const pattern = patternOf(run, source, meant)
  matchesIn(run, text, pattern, meant, (match) => use(text, { match, pattern }))
}

function matchObject(run: Run, text: string, { match, pattern }: Found): Json {
  const place = placeIn(run, text)
  return {
    ...place(match.start, match.end),
    captures: match.groups.map(({ start, end }, at) => ({
      ...place(start, end),
      name: pattern.names[at] ?? null,
    })),
  }
}

/** Offset and length in code points. */
function placeIn(run: Run, text: string) {
  const points = (from: number, to: number): number => {
    run.steps((to - from) >> 5)
    const part = text.slice(from, to)
    return isPlain(part) ? part.length : Array.from(part).length
  }
  return (start: number, end: number) =>
    start < 0
      ? { offset: -1, string: null, length: 0 }
      : { offset: points(0, start), length: points(start, end), string: text.slice(start, end) }
}

function captures(_run: Run, text: string, { match, pattern }: Found): { [key: string]: Json } {
  const object: { [key: string]: Json } = {}
  for (const [at, { start, end }] of match.groups.entries()) {
    const name = pattern.names[at]
    if (name) setMember(object, name, start < 0 ? null : text.slice(start, end))
  }
  return object
}

function scanned(_run: Run, text: string, { match }: Found): Json {
  if (match.groups.length === 0) return text.slice(match.start, match.end)
  return match.groups.map(({ start, end }) => (start < 0 ? null : text.slice(start, end)))
}

function pieces(run: Run, input: Json, of: Json, flags: Json): readonly string[] {
  const given = add(run, flags, 'g')
  const text = textToMatch(input)
  const meant = flagsOf(given)
  const parts: string[] = []
  let from = 0
  matchesIn(run, text, patternOf(run, of, meant), meant, ({ start, end }) => {
    run.bytes(16 + start - from)
    parts.push(text.slice(from, start))
    from = end
  })
  parts.push(text.slice(from))
  return parts
}

/**
 * `sub` and `gsub`. A replacement with several outputs gives several results: the first output of each
 * match, then the second of each.
 */
function substitution(flagsFrom: (run: Run, given: Json) => Json): Native {
  return ([of = EMPTY, replacement = EMPTY, flags = NO_FLAGS]) =>
    streamCode((run, env, input, emit) =>
      of.each(run, env, input, (source) =>
        flags.each(run, env, input, (given) => {
          const found: Found[] = []
          eachMatch(run, input, source, flagsFrom(run, given), (_text, each) => found.push(each))
          const text = textToMatch(input)
          if (found.length === 0) emit(text)
          else replaceAll(run, env, text, found, replacement, emit)
        }),
      ),
    )
}

function replaceAll(
  run: Run,
  env: Env,
  text: string,
  found: readonly Found[],
  replacement: Code,
  emit: Emit,
): void {
  const outputs = found.map((each) => {
    const values: Json[] = []
    replacement.each(run, env, captures(run, text, each), (value) => {
      run.step()
      run.bytes(8)
      values.push(value)
    })
    return values
  })
  const count = outputs.reduce((most, values) => Math.max(most, values.length), 0)
  if (count === 0) emit(text)
  for (let at = 0; at < count; at++) emit(replaced(run, text, found, outputs, at))
}

function replaced(
  run: Run,
  text: string,
  found: readonly Found[],
  outputs: readonly (readonly Json[])[],
  at: number,
): Json {
  let result: Json = ''
  let from = 0
  for (const [place, { match }] of found.entries()) {
    const value = outputs[place]?.[at]
    if (value === undefined) continue
    result = add(run, result, text.slice(from, match.start))
    if (typeof value !== 'string')
      return fail(`${describe(result)} and ${describe(value)} cannot be added`)
    result = add(run, result, value)
    from = match.end
  }
  return add(run, result, text.slice(from))
}
