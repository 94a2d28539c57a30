import type { Json } from '../../../kernel/json.ts'
import type { Run } from '../code.ts'
import { describe, fail } from '../values.ts'

/** Deeper texts are refused, as in jq. */
const DEEPEST_TEXT = 10_000

export function fromJson(run: Run, text: Json): Json {
  if (typeof text !== 'string') return fail(`${describe(text)} only strings can be parsed`)
  run.steps(text.length >> 3)
  run.bytes(2 * text.length)
  if (depthOf(text) > DEEPEST_TEXT) return fail('Exceeds depth limit for parsing')
  try {
    return JSON.parse(text) as Json
  } catch {
    return numberIn(text.trim()) ?? fail(`The text is not JSON (while parsing '${text}')`)
  }
}

const NUMBER = /^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/
const NOT_FINITE: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  infinity: Number.POSITIVE_INFINITY,
}

/** What jq takes for a number is more than JSON does. */
export function numberIn(text: string): number | undefined {
  if (NUMBER.test(text)) return Number(text)
  const [, sign, name = ''] = /^([-+]?)(nan|inf|infinity)$/i.exec(text) ?? []
  const number = NOT_FINITE[name.toLowerCase()]
  return sign === '-' && number !== undefined ? -number : number
}

/** Brackets that are open at once, at most; those in strings count too. */
function depthOf(text: string): number {
  let open = 0
  let deepest = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === 0x5b || unit === 0x7b) deepest = Math.max(deepest, ++open)
    else if (unit === 0x5d || unit === 0x7d) open--
  }
  return deepest
}
