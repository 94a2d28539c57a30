import type { OutgoingAnswer } from '../../ports/outgoing-call.ts'

const HIDDEN = '[secret]'
/** Something shorter is in many texts that do not repeat it. */
const MIN_HIDDEN = 4

/** An answer that repeats what it was sent would put it into the run's events. */
export function without(values: readonly string[], answer: OutgoingAnswer): OutgoingAnswer {
  const hidden = [...new Set(values.flatMap(spellings))]
    .filter(({ length }) => length >= MIN_HIDDEN)
    // One may be a part of another.
    .sort((a, b) => b.length - a.length)
  const shown = (text: string) => hidden.reduce((left, each) => left.replaceAll(each, HIDDEN), text)
  const { status, headers, body } = answer
  const names = Object.entries(headers).map(([name, value]) => [name, shown(value)] as const)
  return { status, headers: Object.fromEntries(names), body: withoutIn(body, hidden) }
}

/** As it is, in JSON and in a form. */
function spellings(value: string): readonly string[] {
  const inForm = new URLSearchParams([['', value]]).toString().slice(1)
  return [value, JSON.stringify(value).slice(1, -1), inForm]
}

/** Bytes around it stay as they are: they need not be text. */
function withoutIn(body: Uint8Array, hidden: readonly string[]): Uint8Array {
  const bytes = Buffer.from(body)
  const repeated = hidden.filter((each) => bytes.includes(each))
  if (repeated.length === 0) return body
  const shown = repeated
    .map((each) => Buffer.from(each).toString('latin1'))
    .reduce((left, each) => left.replaceAll(each, HIDDEN), bytes.toString('latin1'))
  return Buffer.from(shown, 'latin1')
}
