import type { Json } from '../../../kernel/json.ts'
import type { Run } from '../code.ts'
import { describe, fail } from '../values.ts'

/** Deeper texts are refused, as in jq. */
const DEEPEST_TEXT = 10_000

export function fromJson(run: Run, text: Json): Json {
  if (typeof text !== 'string') return fail(`${describe(text)} cannot be parsed as JSON`)
  run.steps(text.length >> 3)
  run.bytes(2 * text.length)
  if (depthOf(text) > DEEPEST_TEXT) return fail('Exceeds depth limit for parsing')
  try {
    return JSON.parse(text) as Json
  } catch {
    if (/^\s*-?nan\s*$/.test(text)) return Number.NaN
    return fail(`The text is not JSON (while parsing '${text}')`)
  }
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
