import { RE2JS } from 're2js'
import { isJsonArray, type Json } from '../../../kernel/json.ts'
import { remembered } from '../../../kernel/remembered.ts'
import type { Run } from '../code.ts'
import { describe, fail, typeOf } from '../values.ts'

/** What the flags of jq's functions mean. */
export type Flags = {
  readonly isGlobal: boolean
  readonly skipsEmpty: boolean
  /** Of RE2. */
  readonly options: number
  readonly isExtended: boolean
}

/** A match, in UTF-16 code units. Groups that took no part begin at -1. */
export type Match = {
  readonly start: number
  readonly end: number
  readonly groups: readonly { readonly start: number; readonly end: number }[]
}

/** A compiled pattern; `names` holds the name of each group, null where it has none. */
export type Pattern = {
  readonly regex: RE2JS
  readonly names: readonly (string | null)[]
  /** Whether a search may look further than the match that it finds. */
  readonly looksFar: boolean
}

const LONGEST_PATTERN = 10_000
const MOST_CACHED = 500
/** Compiled patterns by options and text, the latest used last. */
const cache = new Map<string, Pattern>()

/** g global, i ignore case, x extended, n not empty, p and s dot matches newlines, l longest. */
export function flagsOf(value: Json): Flags {
  if (value !== null && typeof value !== 'string') return fail(`${describe(value)} is not a string`)
  const text = value ?? ''
  if (/[^gixnpsl]/.test(text)) return fail(`${text} is not a valid modifier string`)
  const option = (flag: string, bit: number): number => (text.includes(flag) ? bit : 0)
  return {
    isGlobal: text.includes('g'),
    skipsEmpty: text.includes('n'),
    isExtended: text.includes('x'),
    options:
      option('i', RE2JS.CASE_INSENSITIVE) |
      option('p', RE2JS.DOTALL) |
      option('l', RE2JS.LONGEST_MATCH),
  }
}

export function patternOf(run: Run, source: Json, flags: Flags): Pattern {
  if (typeof source !== 'string') return fail(`${describe(source)} is not a string`)
  const key = `${flags.options}${flags.isExtended}:${source}`
  return remembered(cache, MOST_CACHED, key, () => compiled(run, source, flags))
}

function compiled(run: Run, source: string, flags: Flags): Pattern {
  if (source.length > LONGEST_PATTERN) return fail('The regular expression is too long')
  run.steps(1_000 + 20 * source.length)
  run.bytes(1_000 + 200 * source.length)
  const text = flags.isExtended ? withoutBlanks(source) : source
  try {
    const regex = RE2JS.compile(text, flags.options)
    return { regex, names: namesOf(regex), looksFar: /[*+]|\{\d*,\}/.test(text) }
  } catch (fault) {
    return fail(`${source} (at offset 0) is not a valid regex: ${reasonOf(fault)}`)
  }
}

function namesOf(regex: RE2JS): readonly (string | null)[] {
  const names = new Array<string | null>(regex.groupCount()).fill(null)
  for (const [name, group] of Object.entries(regex.namedGroups())) names[group - 1] = name
  return names
}

function reasonOf(fault: unknown): string {
  return fault instanceof Error ? fault.message : 'it cannot be compiled'
}

/** The flag x, which RE2 does not have: blanks and comments outside of classes are left out. */
function withoutBlanks(source: string): string {
  return source.replace(/\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]|#[^\n]*|\s+/g, (piece) =>
    /^[\s#]/.test(piece) ? '' : piece,
  )
}

/** `[pattern, flags]`, or the pattern alone. */
export function patternAndFlags(value: Json): readonly [Json, Json] {
  if (typeof value === 'string') return [value, null]
  if (isJsonArray(value) && value.length > 0) return [value[0] ?? null, value[1] ?? null]
  return fail(`${typeOf(value)} not a string or array`)
}

/** Charges one search through `length` characters: a search goes through them once for each piece of the pattern. */
export function chargeSearch(run: Run, { regex }: Pattern, length: number): void {
  run.steps(10 + (length >> 3) * (1 + (regex.programSize() >> 3)))
}

/** All matches, or the first. */
export function matchesIn(
  run: Run,
  text: string,
  pattern: Pattern,
  flags: Flags,
  visit: (match: Match) => void,
): void {
  const { regex, names, looksFar } = pattern
  chargeSearch(run, pattern, text.length)
  const matcher = regex.matcher(text)
  while (matcher.find()) {
    const start = matcher.start()
    const end = matcher.end()
    run.steps(10 + names.length)
    if (looksFar && flags.isGlobal) chargeSearch(run, pattern, text.length - end)
    run.bytes(100 * (1 + names.length))
    if (!flags.skipsEmpty || end > start) {
      visit({
        start,
        end,
        groups: names.map((_name, at) => ({
          start: matcher.start(at + 1),
          end: matcher.end(at + 1),
        })),
      })
      if (!flags.isGlobal) return
    }
  }
}
