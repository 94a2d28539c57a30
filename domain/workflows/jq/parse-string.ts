import type { Node } from './syntax.ts'
import type { StringPart } from './token.ts'
import type { TokenReader } from './token-reader.ts'

/** A string, with a format before it or not; a format alone is a function. */
export function parseString(reader: TokenReader): Node {
  const first = reader.advance()
  if (first.kind === 'string') return textOf(reader, 'text', first.parts)
  if (first.kind !== 'format') return reader.fail('A string is expected')
  const format = first.text.slice(1)
  const { current } = reader
  if (current.kind !== 'string') return { kind: 'format', format }
  reader.advance()
  return textOf(reader, format, current.parts)
}

function textOf(reader: TokenReader, format: string, parts: readonly StringPart[]): Node {
  if (parts.every((part) => typeof part === 'string'))
    return { kind: 'literal', value: parts.join('') }
  return {
    kind: 'text',
    format,
    parts: parts.map((part) => (typeof part === 'string' ? part : reader.within(part).whole())),
  }
}
