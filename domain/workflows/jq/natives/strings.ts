import { isJsonArray, type Json } from '../../../kernel/json.ts'
import type { Run } from '../code.ts'
import { split } from '../operators.ts'
import { describe, fail } from '../values.ts'
import { type Natives, passing0, passing1, value0, value1 } from './define.ts'

export const STRINGS: Natives = {
  'explode/0': value0((run, input) => explode(run, input)),
  'implode/0': value0((run, input) => implode(run, input)),
  'ascii_downcase/0': value0((run, input) => recased(run, input, /[A-Z]+/g, 'toLowerCase')),
  'ascii_upcase/0': value0((run, input) => recased(run, input, /[a-z]+/g, 'toUpperCase')),
  'startswith/1': value1((_run, input, part) =>
    withTexts('startswith', input, part, (text, start) => text.startsWith(start)),
  ),
  'endswith/1': value1((_run, input, part) =>
    withTexts('endswith', input, part, (text, end) => text.endsWith(end)),
  ),
  'ltrimstr/1': passing1((_run, input, part) => withTexts('startswith', input, part, withoutStart)),
  'rtrimstr/1': passing1((_run, input, part) => withTexts('endswith', input, part, withoutEnd)),
  'trimstr/1': passing1((_run, input, part) =>
    withTexts('startswith', input, part, (text, end) => withoutEnd(withoutStart(text, end), end)),
  ),
  'trim/0': passing0((_run, input) => trimmed(input).replace(START, '').replace(END, '')),
  'ltrim/0': passing0((_run, input) => trimmed(input).replace(START, '')),
  'rtrim/0': passing0((_run, input) => trimmed(input).replace(END, '')),
  'split/1': value1((run, input, separator) =>
    typeof input === 'string' && typeof separator === 'string'
      ? split(run, input, separator)
      : fail('split input and separator must be strings'),
  ),
}

const START = /^[ \t\n\v\f\r]+/
/** Looks at a run of blanks from its start only, so that many of them cost no more than their number. */
const END = /(?<![ \t\n\v\f\r])[ \t\n\v\f\r]+$/

function trimmed(input: Json): string {
  return typeof input === 'string' ? input : fail('trim input must be a string')
}

function withTexts<Result>(
  name: string,
  input: Json,
  part: Json,
  apply: (text: string, part: string) => Result,
): Result {
  return typeof input === 'string' && typeof part === 'string'
    ? apply(input, part)
    : fail(`${name}() requires string inputs`)
}

function withoutStart(text: string, start: string): string {
  return text.startsWith(start) ? text.slice(start.length) : text
}

function withoutEnd(text: string, end: string): string {
  return end !== '' && text.endsWith(end) ? text.slice(0, -end.length) : text
}

function recased(
  run: Run,
  input: Json,
  letters: RegExp,
  change: 'toLowerCase' | 'toUpperCase',
): string {
  if (typeof input !== 'string') return fail('explode input must be a string')
  run.bytes(input.length)
  return input.replace(letters, (found) => found[change]())
}

function explode(run: Run, input: Json): readonly number[] {
  if (typeof input !== 'string') return fail('explode input must be a string')
  run.steps(input.length >> 3)
  run.bytes(8 * input.length)
  return Array.from(input, (char) => char.codePointAt(0) ?? 0)
}

const REPLACEMENT = 0xfffd

function implode(run: Run, input: Json): string {
  if (!isJsonArray(input)) return fail('implode input must be an array')
  run.steps(input.length)
  run.bytes(2 * input.length)
  return input.map((point) => String.fromCodePoint(codePoint(point))).join('')
}

function codePoint(point: Json): number {
  if (typeof point !== 'number' || Number.isNaN(point))
    return fail(`${describe(point)} can't be imploded, unicode codepoint needs to be numeric`)
  const whole = Math.trunc(point)
  const isScalar = whole >= 0 && whole <= 0x10ffff && !(whole >= 0xd800 && whole <= 0xdfff)
  return isScalar ? whole : REPLACEMENT
}
