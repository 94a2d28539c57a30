import type { Json } from '../../kernel/json.ts'

/** The program is not jq. `line` and `column` begin at 1; the message ends with the line and a caret under the place. */
export class JqSyntaxError extends Error {
  override readonly name = 'JqSyntaxError'
  /** What is wrong, in one line. */
  readonly reason: string
  /** In UTF-16 code units from the start of the program. */
  readonly offset: number
  readonly line: number
  readonly column: number

  constructor(reason: string, source: string, offset: number) {
    const place = placeOf(source, offset)
    super(`${reason} at line ${place.line}, column ${place.column}:\n${place.excerpt}`)
    this.reason = reason
    this.offset = offset
    this.line = place.line
    this.column = place.column
  }
}

/** What `error(value)` raises and nothing caught. */
export class JqError extends Error {
  override readonly name = 'JqError'
  readonly value: Json

  constructor(value: Json, message: string) {
    super(message)
    this.value = value
  }
}

/** A budget was used up. A program cannot catch this. */
export class JqLimitError extends Error {
  override readonly name = 'JqLimitError'
  readonly budget: 'steps' | 'bytes' | 'depth'

  constructor(budget: 'steps' | 'bytes' | 'depth') {
    super(`The expression needs more than the ${budget} it may use`)
    this.budget = budget
  }
}

/** A jq-level error on its way to a `try`. Not an Error: taking a stack would cost more than the rest. */
export class Raised {
  readonly value: Json

  constructor(value: Json) {
    this.value = value
  }
}

const WIDEST_EXCERPT = 60

function placeOf(source: string, offset: number) {
  const start = source.lastIndexOf('\n', offset - 1) + 1
  const newline = source.indexOf('\n', offset)
  const end = newline === -1 ? source.length : newline
  const from = Math.max(start, offset - WIDEST_EXCERPT)
  const text = source.slice(from, Math.min(end, offset + WIDEST_EXCERPT)).replaceAll('\t', ' ')
  return {
    line: source.slice(0, start).split('\n').length,
    column: offset - start + 1,
    excerpt: `${text}\n${' '.repeat(offset - from)}^`,
  }
}
