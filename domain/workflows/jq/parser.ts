import { tokensOf } from './lexer.ts'
import { parsePatterns } from './parse-pattern.ts'
import { parseTerm } from './parse-term.ts'
import type { BinaryOperator, Node, Parameter, UpdateOperator } from './syntax.ts'
import { TokenReader } from './token-reader.ts'

type Level = { readonly rank: number; readonly side: 'left' | 'right' | 'none' }

const ALTERNATIVE: Level = { rank: 1, side: 'right' }
const UPDATE: Level = { rank: 2, side: 'none' }
const COMPARISON: Level = { rank: 5, side: 'none' }
const SUM: Level = { rank: 6, side: 'left' }
const PRODUCT: Level = { rank: 7, side: 'left' }

const LEVELS: ReadonlyMap<string, Level> = new Map([
  ['//', ALTERNATIVE],
  ...['=', '|=', '+=', '-=', '*=', '/=', '%=', '//='].map((each) => [each, UPDATE] as const),
  ['or', { rank: 3, side: 'left' }],
  ['and', { rank: 4, side: 'left' }],
  ...['==', '!=', '<', '<=', '>', '>='].map((each) => [each, COMPARISON] as const),
  ...['+', '-'].map((each) => [each, SUM] as const),
  ...['*', '/', '%'].map((each) => [each, PRODUCT] as const),
])

/** @throws JqSyntaxError */
export function parse(source: string): Node {
  const grammar = { pipe: parsePipe, member: parseMember }
  return new TokenReader(source, tokensOf(source), grammar).whole()
}

function parsePipe(reader: TokenReader): Node {
  return reader.nested(() => {
    const items = [parseOperators(reader, 0)]
    while (reader.takeSymbol(',')) items.push(parseOperators(reader, 0))
    const [first] = items
    const left: Node = first && items.length === 1 ? first : { kind: 'comma', items }
    return reader.takeSymbol('|') ? { kind: 'pipe', left, right: parsePipe(reader) } : left
  })
}

/** The value of an object's member: no comma, and no `as`, whose body would swallow the next member. */
function parseMember(reader: TokenReader): Node {
  return reader.nested(() => {
    const left = parseOperators(reader, 0, true)
    return reader.takeSymbol('|') ? { kind: 'pipe', left, right: parseMember(reader) } : left
  })
}

function parseOperators(reader: TokenReader, lowest: number, inMember = false): Node {
  return reader.nested(() => {
    let left = parsePrefix(reader, inMember)
    let above = Number.POSITIVE_INFINITY
    for (;;) {
      const operator = operatorAt(reader)
      const level = LEVELS.get(operator)
      if (level === undefined || level.rank < lowest) return left
      if (level.rank >= above) reader.fail('Brackets are needed around one of these')
      reader.advance()
      const right = parseOperators(reader, level.rank + (level.side === 'right' ? 0 : 1), inMember)
      left = combine(operator, left, right)
      above = level.side === 'none' ? level.rank : Number.POSITIVE_INFINITY
    }
  })
}

function operatorAt(reader: TokenReader): string {
  const { current } = reader
  return current.kind === 'symbol' || current.kind === 'word' ? current.text : ''
}

function combine(operator: string, left: Node, right: Node): Node {
  if (operator === '//') return { kind: 'alternative', left, right }
  if (operator === 'and') return { kind: 'and', left, right }
  if (operator === 'or') return { kind: 'or', left, right }
  if (LEVELS.get(operator) === UPDATE)
    return { kind: 'update', operator: operator as UpdateOperator, target: left, value: right }
  return { kind: 'binary', operator: operator as BinaryOperator, left, right }
}

function parsePrefix(reader: TokenReader, inMember: boolean): Node {
  if (reader.takeSymbol('-')) return negated(reader.nested(() => parsePrefix(reader, inMember)))
  if (reader.takeWord('def')) return parseDefinition(reader)
  if (reader.takeWord('label')) {
    const name = reader.expectVariable()
    reader.expectSymbol('|')
    return { kind: 'label', name, body: parsePipe(reader) }
  }
  if (reader.takeWord('try')) return parseTry(reader)
  const source = parseTerm(reader)
  if (inMember || !reader.takeWord('as')) return source
  const patterns = parsePatterns(reader)
  reader.expectSymbol('|')
  return { kind: 'bind', source, patterns, body: parsePipe(reader) }
}

function parseTry(reader: TokenReader): Node {
  const body = parseTryPart(reader)
  const handler = reader.takeWord('catch') ? parseTryPart(reader) : null
  return { kind: 'try', body, handler }
}

function parseTryPart(reader: TokenReader): Node {
  return reader.nested(() => {
    if (reader.takeSymbol('-')) return negated(parseTryPart(reader))
    return reader.takeWord('try') ? parseTry(reader) : parseTerm(reader)
  })
}

function negated(of: Node): Node {
  return of.kind === 'literal' && typeof of.value === 'number'
    ? { kind: 'literal', value: of.value === 0 ? 0 : -of.value }
    : { kind: 'negate', of }
}

function parseDefinition(reader: TokenReader): Node {
  const token = reader.advance()
  if (token.kind !== 'word') return reader.fail('The name of a function is expected')
  const parameters: Parameter[] = []
  if (reader.takeSymbol('(')) {
    do parameters.push(parseParameter(reader))
    while (reader.takeSymbol(';'))
    reader.expectSymbol(')')
  }
  reader.expectSymbol(':')
  const body = parsePipe(reader)
  reader.expectSymbol(';')
  return { kind: 'define', name: token.text, parameters, body, rest: parsePipe(reader) }
}

function parseParameter(reader: TokenReader): Parameter {
  const token = reader.current
  if (token.kind !== 'word' && token.kind !== 'variable')
    return reader.fail('The name of a parameter is expected')
  reader.advance()
  return { name: token.text, isValue: token.kind === 'variable' }
}
