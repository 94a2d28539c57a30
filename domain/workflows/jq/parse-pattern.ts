import { parseString } from './parse-string.ts'
import type { Node, Pattern, PatternEntry } from './syntax.ts'
import type { TokenReader } from './token-reader.ts'

/** One pattern, or several with `?//` between them. */
export function parsePatterns(reader: TokenReader): readonly Pattern[] {
  const patterns = [parsePattern(reader)]
  while (reader.takeSymbol('?//')) patterns.push(parsePattern(reader))
  return patterns
}

function parsePattern(reader: TokenReader): Pattern {
  return reader.nested((): Pattern => {
    if (reader.takeSymbol('['))
      return { kind: 'array', items: parseList(reader, ']', () => parsePattern(reader)) }
    if (reader.takeSymbol('{'))
      return { kind: 'object', entries: parseList(reader, '}', () => parseEntry(reader)) }
    return { kind: 'variable', name: reader.expectVariable() }
  })
}

function parseList<T>(reader: TokenReader, close: string, parseItem: () => T): readonly T[] {
  const items = [parseItem()]
  while (reader.takeSymbol(',')) items.push(parseItem())
  reader.expectSymbol(close)
  return items
}

function parseEntry(reader: TokenReader): PatternEntry {
  const { current } = reader
  if (current.kind === 'variable') {
    reader.advance()
    const key: Node = { kind: 'literal', value: current.text }
    const value = reader.takeSymbol(':') ? parsePattern(reader) : null
    return { key, variable: current.text, value }
  }
  const key = parseKey(reader)
  reader.expectSymbol(':')
  return { key, variable: null, value: parsePattern(reader) }
}

function parseKey(reader: TokenReader): Node {
  const { current } = reader
  if (current.kind === 'word') {
    reader.advance()
    return { kind: 'literal', value: current.text }
  }
  if (current.kind === 'string' || current.kind === 'format') return parseString(reader)
  reader.expectSymbol('(')
  const key = reader.pipe()
  reader.expectSymbol(')')
  return key
}
