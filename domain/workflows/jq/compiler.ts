import type { Code } from './code.ts'
import { JqSyntaxError } from './errors.ts'
import type { Scope } from './scope.ts'
import type { Node } from './syntax.ts'

/** Code that is compiled, with `?//` and recursion more than once, may not exceed this many nodes. */
const MOST_NODES = 50_000

/** Operators in a row nest too: `1 + 1 + 1` is `(1 + 1) + 1`. */
const DEEPEST = 1_000

/** `isTail`: nothing is left to do in the function after this piece, so that a call may be left to its caller. */
export type CompileNode = (compiler: Compiler, node: Node, scope: Scope, isTail: boolean) => Code

/** One compilation: comes back to the rules for all nodes from those for one. */
export class Compiler {
  readonly #source: string
  readonly #compileNode: CompileNode
  #nodes = 0
  #depth = 0

  constructor(source: string, compileNode: CompileNode) {
    this.#source = source
    this.#compileNode = compileNode
  }

  /** How many nodes were compiled. */
  get nodes(): number {
    return this.#nodes
  }

  code(node: Node, scope: Scope, isTail = false): Code {
    if (++this.#nodes > MOST_NODES) this.fail('The program is too large', 0)
    if (++this.#depth > DEEPEST) this.fail('The program is nested too deep', 0)
    const code = this.#compileNode(this, node, scope, isTail)
    this.#depth--
    return code
  }

  fail(reason: string, at: number): never {
    throw new JqSyntaxError(reason, this.#source, at)
  }
}
