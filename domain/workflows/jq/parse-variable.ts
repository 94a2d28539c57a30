import type { Node } from './syntax.ts'
import type { TokenReader } from './token-reader.ts'

export function parseVariable(reader: TokenReader): Node {
  const { at } = reader.current
  const name = reader.expectVariable()
  return name === '__loc__'
    ? { kind: 'literal', value: { file: '<top-level>', line: reader.lineAt(at) } }
    : { kind: 'variable', name, at }
}
