import { JqSyntaxError } from './errors.ts'
import type { Node } from './syntax.ts'
import type { Token } from './token.ts'

/** How deep brackets, pipes and operators may nest: deeper ones would need more stack than there is. */
const DEEPEST_NESTING = 300

/** The rules that terms, patterns and strings come back to. */
export type Grammar = {
  readonly pipe: (reader: TokenReader) => Node
  /** The value of an object's member: without a comma. */
  readonly member: (reader: TokenReader) => Node
}

/** A place in the tokens of a program. */
export class TokenReader {
  readonly source: string
  readonly #tokens: readonly Token[]
  readonly #grammar: Grammar
  #next = 0
  #depth: number

  constructor(source: string, tokens: readonly Token[], grammar: Grammar, depth = 0) {
    this.#grammar = grammar
    this.source = source
    this.#tokens = tokens
    this.#depth = depth
  }

  get current(): Token {
    const token = this.#tokens[this.#next]
    if (token === undefined) throw new JqSyntaxError('The program ends too early', this.source, 0)
    return token
  }

  /** A reader of the tokens between the brackets of an interpolation. */
  within(tokens: readonly Token[]): TokenReader {
    return new TokenReader(this.source, tokens, this.#grammar, this.#depth)
  }

  pipe(): Node {
    return this.#grammar.pipe(this)
  }

  member(): Node {
    return this.#grammar.member(this)
  }

  /** All that is left. */
  whole(): Node {
    const node = this.pipe()
    if (this.current.kind !== 'end') this.fail('An operator or the end is expected')
    return node
  }

  /** Begins at 1. */
  lineAt(offset: number): number {
    return this.source.slice(0, offset).split('\n').length
  }

  advance(): Token {
    const token = this.current
    this.#next++
    return token
  }

  isSymbol(text: string): boolean {
    const { current } = this
    return current.kind === 'symbol' && current.text === text
  }

  isWord(text: string): boolean {
    const { current } = this
    return current.kind === 'word' && current.text === text
  }

  takeSymbol(text: string): boolean {
    const found = this.isSymbol(text)
    if (found) this.#next++
    return found
  }

  takeWord(text: string): boolean {
    const found = this.isWord(text)
    if (found) this.#next++
    return found
  }

  expectSymbol(text: string): void {
    if (!this.takeSymbol(text)) this.fail(`"${text}" is expected`)
  }

  expectWord(text: string): void {
    if (!this.takeWord(text)) this.fail(`"${text}" is expected`)
  }

  expectVariable(): string {
    const token = this.current
    if (token.kind !== 'variable') return this.fail('A variable is expected')
    this.#next++
    return token.text
  }

  /** Runs `parse` one level deeper. */
  nested<T>(parse: () => T): T {
    if (++this.#depth > DEEPEST_NESTING) this.fail('The program is nested too deep')
    const result = parse()
    this.#depth--
    return result
  }

  fail(expectation: string): never {
    const { current } = this
    throw new JqSyntaxError(`${expectation}, not ${describe(current)}`, this.source, current.at)
  }
}

function describe(token: Token): string {
  switch (token.kind) {
    case 'end':
      return 'the end'
    case 'number':
      return String(token.value)
    case 'string':
      return 'a string'
    case 'variable':
      return `"$${token.text}"`
    case 'field':
      return `".${token.text}"`
    case 'word':
    case 'format':
    case 'symbol':
      return `"${token.text}"`
  }
}
