import type { Node } from './syntax.ts'

/** Whether a piece may give out parts of its input. Calls are taken to do so. */
export function usesInput(node: Node): boolean {
  switch (node.kind) {
    case 'literal':
    case 'variable':
      return false
    case 'index':
      return usesInput(node.of) || usesInput(node.key)
    case 'iterate':
    case 'negate':
      return usesInput(node.of)
    case 'array':
      return node.items !== null && usesInput(node.items)
    case 'object':
      return node.entries.some(({ key, value }) => usesInput(key) || usesInput(value))
    case 'text':
      return node.parts.some((part) => typeof part !== 'string' && usesInput(part))
    case 'binary':
    case 'alternative':
      return usesInput(node.left) || usesInput(node.right)
    case 'pipe':
      return usesInput(node.left)
    default:
      return true
  }
}
