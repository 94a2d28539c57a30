import { parseObject } from './parse-object.ts'
import { parsePatterns } from './parse-pattern.ts'
import { parseString } from './parse-string.ts'
import { parseVariable } from './parse-variable.ts'
import type { Node } from './syntax.ts'
import type { TokenReader } from './token-reader.ts'

const IDENTITY: Node = { kind: 'identity' }
const KEYWORDS = new Set(
  'and or then elif else end as def import include catch module __loc__'.split(' '),
)

/** What binds closest, with all that follows it directly: `.a[0]?."b"`. */
export function parseTerm(reader: TokenReader): Node {
  const isEnclosed = reader.isSymbol('(')
  const first = parseFirst(reader)
  let term = isEnclosed && reader.takeSymbol('?') ? tried(first) : first
  for (;;) {
    const { current } = reader
    if (current.kind === 'field') {
      reader.advance()
      term = { kind: 'index', of: term, key: { kind: 'literal', value: current.text } }
    } else if (reader.takeSymbol('?')) term = optional(term)
    else if (reader.takeSymbol('[')) term = parseBrackets(reader, term)
    else if (reader.takeSymbol('.')) term = parseAfterDot(reader, term)
    else return term
  }
}

/** Of an access only that itself may fail: an error of its key does not count. In brackets everything may. */
function optional(term: Node): Node {
  const isAccess = term.kind === 'index' || term.kind === 'slice' || term.kind === 'iterate'
  return isAccess && !term.isOptional ? { ...term, isOptional: true } : tried(term)
}

function tried(body: Node): Node {
  return { kind: 'try', body, handler: null }
}

function parseAfterDot(reader: TokenReader, of: Node): Node {
  if (reader.takeSymbol('[')) return parseBrackets(reader, of)
  const { current } = reader
  if (current.kind !== 'string' && current.kind !== 'format')
    return reader.fail('A string or a bracket is expected')
  return { kind: 'index', of, key: parseString(reader) }
}

/** After the opening bracket. */
function parseBrackets(reader: TokenReader, of: Node): Node {
  if (reader.takeSymbol(']')) return { kind: 'iterate', of }
  const from = reader.isSymbol(':') ? null : reader.pipe()
  if (!reader.takeSymbol(':')) {
    reader.expectSymbol(']')
    return { kind: 'index', of, key: from ?? IDENTITY }
  }
  const to = reader.isSymbol(']') && from !== null ? null : reader.pipe()
  reader.expectSymbol(']')
  return { kind: 'slice', of, from, to }
}

function parseFirst(reader: TokenReader): Node {
  const { current } = reader
  switch (current.kind) {
    case 'number':
      reader.advance()
      return { kind: 'literal', value: current.value }
    case 'string':
    case 'format':
      return parseString(reader)
    case 'field':
      return IDENTITY
    case 'variable':
      return parseVariable(reader)
    case 'word':
      return parseWord(reader, current.text, current.at)
    case 'symbol':
      return parseSymbol(reader)
    case 'end':
      return reader.fail('An expression is expected')
  }
}

function parseSymbol(reader: TokenReader): Node {
  if (reader.takeSymbol('..')) return { kind: 'descend' }
  if (reader.takeSymbol('.')) {
    const { current } = reader
    const isKey = current.kind === 'string' || current.kind === 'format'
    return isKey ? { kind: 'index', of: IDENTITY, key: parseString(reader) } : IDENTITY
  }
  if (reader.takeSymbol('(')) {
    const node = reader.pipe()
    reader.expectSymbol(')')
    return node
  }
  if (reader.takeSymbol('[')) {
    if (reader.takeSymbol(']')) return { kind: 'array', items: null }
    const items = reader.pipe()
    reader.expectSymbol(']')
    return { kind: 'array', items }
  }
  if (reader.takeSymbol('{')) return parseObject(reader)
  return reader.fail('An expression is expected')
}

function parseWord(reader: TokenReader, name: string, at: number): Node {
  if (KEYWORDS.has(name)) return reader.fail('An expression is expected')
  reader.advance()
  if (name === 'if') return parseIf(reader)
  if (name === 'reduce' || name === 'foreach') return parseFold(reader, name)
  if (name === 'break') return { kind: 'break', name: reader.expectVariable(), at }
  const args: Node[] = []
  if (reader.takeSymbol('(')) {
    do args.push(reader.pipe())
    while (reader.takeSymbol(';'))
    reader.expectSymbol(')')
  }
  return { kind: 'call', name, args, at }
}

/** After `if` or `elif`. */
function parseIf(reader: TokenReader): Node {
  const condition = reader.pipe()
  reader.expectWord('then')
  const then = reader.pipe()
  if (reader.takeWord('elif'))
    return { kind: 'if', condition, then, otherwise: reader.nested(() => parseIf(reader)) }
  const otherwise = reader.takeWord('else') ? reader.pipe() : null
  reader.expectWord('end')
  return { kind: 'if', condition, then, otherwise }
}

function parseFold(reader: TokenReader, kind: 'reduce' | 'foreach'): Node {
  const source = parseTerm(reader)
  reader.expectWord('as')
  const patterns = parsePatterns(reader)
  reader.expectSymbol('(')
  const initial = reader.pipe()
  reader.expectSymbol(';')
  const update = reader.pipe()
  const extract = kind === 'foreach' && reader.takeSymbol(';') ? reader.pipe() : null
  reader.expectSymbol(')')
  return kind === 'reduce'
    ? { kind, source, patterns, initial, update }
    : { kind, source, patterns, initial, update, extract }
}
