import { JqSyntaxError } from './errors.ts'
import type { StringPart, Token } from './token.ts'

/** Strings in strings are cut recursively: a program that nests them deeper is refused. */
const DEEPEST_INTERPOLATION = 64

const WORD = /(?:[a-zA-Z_][a-zA-Z_0-9]*::)*[a-zA-Z_][a-zA-Z_0-9]*/y
const FIELD = /\.[a-zA-Z_][a-zA-Z_0-9]*/y
const VARIABLE = /\$(?:[a-zA-Z_][a-zA-Z_0-9]*::)*[a-zA-Z_][a-zA-Z_0-9]*/y
const FORMAT = /@[a-zA-Z0-9_]+/y
const NUMBER = /(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?/y
const SYMBOL = /\?\/\/|\|=|\/\/=|[+\-*/%!=<>]=|\/\/|\.\.|[.[\](){}|,:;=<>+\-*/%?]/y
// A comment goes on where its line ends in an odd number of backslashes.
const BLANK = /(?:[ \t\r\n]+|#(?:[^\\\r\n]|\\(?:\\|\r\n|[^\r])?)*)+/y
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

/** Cuts a whole program into tokens; the last one is the end. */
export function tokensOf(source: string): readonly Token[] {
  return new Lexer(source).tokens(0)
}

class Lexer {
  readonly #source: string
  #at = 0

  constructor(source: string) {
    this.#source = source
  }

  /** Tokens up to the end, or inside a string up to the bracket that closes the interpolation. */
  tokens(depth: number): readonly Token[] {
    const tokens: Token[] = []
    let open = 0
    for (;;) {
      this.#take(BLANK)
      const at = this.#at
      if (at >= this.#source.length) {
        if (depth > 0) this.#fail('A string is not closed', at)
        tokens.push({ kind: 'end', at })
        return tokens
      }
      const token = this.#next(depth)
      const bracket = token.kind === 'symbol' ? token.text : ''
      if (bracket === '(') open++
      if (bracket === ')' && open-- === 0 && depth > 0) {
        tokens.push({ kind: 'end', at })
        return tokens
      }
      tokens.push(token)
    }
  }

  #next(depth: number): Token {
    const at = this.#at
    if (this.#source[at] === '"') return this.#string(depth)
    const field = this.#take(FIELD)
    if (field !== null) return { kind: 'field', text: field.slice(1), at }
    const number = this.#take(NUMBER)
    if (number !== null) return { kind: 'number', value: Number(number), at }
    const word = this.#take(WORD)
    if (word !== null) return { kind: 'word', text: word, at }
    const variable = this.#take(VARIABLE)
    if (variable !== null) return { kind: 'variable', text: variable.slice(1), at }
    const format = this.#take(FORMAT)
    if (format !== null) return { kind: 'format', text: format, at }
    const symbol = this.#take(SYMBOL)
    if (symbol !== null) return { kind: 'symbol', text: symbol, at }
    return this.#fail(`${JSON.stringify(this.#source[at])} has no meaning here`, at)
  }

  #string(depth: number): Token {
    const at = this.#at++
    if (depth >= DEEPEST_INTERPOLATION) this.#fail('Strings are nested too deep', at)
    const parts: StringPart[] = []
    let text = ''
    for (;;) {
      const char = this.#source[this.#at]
      if (char === undefined) this.#fail('A string is not closed', at)
      this.#at++
      if (char === '"') break
      if (char !== '\\') text += char
      else if (this.#source[this.#at] !== '(') text += this.#escape()
      else {
        this.#at++
        parts.push(text, this.tokens(depth + 1))
        text = ''
      }
    }
    parts.push(text)
    return { kind: 'string', parts: parts.filter((part) => part !== ''), at }
  }

  #escape(): string {
    const at = this.#at - 1
    const letter = this.#source[this.#at++] ?? ''
    const plain = ESCAPES[letter]
    if (plain !== undefined) return plain
    const digits = this.#source.slice(this.#at, this.#at + 4)
    if (letter !== 'u' || !/^[0-9a-fA-F]{4}$/.test(digits))
      this.#fail('This is not an escape that JSON has', at)
    this.#at += 4
    return String.fromCharCode(Number.parseInt(digits, 16))
  }

  #take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#source)?.[0] ?? null
    if (found !== null) this.#at += found.length
    return found
  }

  #fail(reason: string, at: number): never {
    throw new JqSyntaxError(reason, this.#source, at)
  }
}
