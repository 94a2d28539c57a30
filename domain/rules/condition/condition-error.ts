/** Why a condition is refused, and where: line and column count from 1, `offset` from 0. */
export type ConditionError = {
  /** One sentence for a person. */
  readonly message: string
  readonly offset: number
  readonly line: number
  readonly column: number
  /** The line with a caret under the offending text; lines end with \n. */
  readonly excerpt: string
}

const MAX_EXCERPT = 120

export function conditionError(
  text: string,
  message: string,
  range: { readonly start: number; readonly end: number } = { start: 0, end: 0 },
): ConditionError {
  const offset = Math.min(range.start, text.length)
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1
  const newline = text.indexOf('\n', offset)
  const lineEnd = newline === -1 ? text.length : newline
  const column = offset - lineStart
  // Of a long line only the part around the caret is shown.
  const from = column > MAX_EXCERPT / 2 ? offset - MAX_EXCERPT / 2 : lineStart
  const shown = text.slice(from, Math.min(lineEnd, from + MAX_EXCERPT))
  const width = Math.max(1, Math.min(range.end, lineEnd, from + MAX_EXCERPT) - offset)
  const line = text.slice(0, offset).split('\n').length
  return {
    message,
    offset,
    line,
    column: column + 1,
    excerpt: `${shown}\n${' '.repeat(offset - from)}${'^'.repeat(width)}`,
  }
}
