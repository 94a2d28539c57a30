import { parseString } from './parse-string.ts'
import { parseVariable } from './parse-variable.ts'
import type { Entry, Node } from './syntax.ts'
import type { TokenReader } from './token-reader.ts'

/** After the opening brace. */
export function parseObject(reader: TokenReader): Node {
  const entries: Entry[] = []
  if (reader.takeSymbol('}')) return { kind: 'object', entries }
  do {
    // jq allows a comma after the last member.
    if (entries.length > 0 && reader.isSymbol('}')) break
    entries.push(parseEntry(reader))
  } while (reader.takeSymbol(','))
  reader.expectSymbol('}')
  return { kind: 'object', entries }
}

function parseEntry(reader: TokenReader): Entry {
  const { current } = reader
  if (current.kind === 'variable') return parseVariableEntry(reader, current.text)
  if (reader.takeSymbol('(')) {
    const key = reader.pipe()
    reader.expectSymbol(')')
    reader.expectSymbol(':')
    return { key, value: reader.member() }
  }
  const key = parseName(reader)
  if (reader.takeSymbol(':')) return { key, value: reader.member() }
  return { key, value: { kind: 'index', of: { kind: 'identity' }, key } }
}

function parseName(reader: TokenReader): Node {
  const { current } = reader
  if (current.kind === 'string' || current.kind === 'format') return parseString(reader)
  if (current.kind !== 'word') return reader.fail('A key is expected')
  reader.advance()
  return { kind: 'literal', value: current.text }
}

/** `{$name}` is `{name: $name}`; `{$name: …}` has the variable's value as key. */
function parseVariableEntry(reader: TokenReader, name: string): Entry {
  const variable = parseVariable(reader)
  if (reader.takeSymbol(':')) return { key: variable, value: reader.member() }
  return { key: { kind: 'literal', value: name }, value: variable }
}
