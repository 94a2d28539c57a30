import { JqLimitError } from './errors.ts'

/** What one evaluation may use. */
export type JqLimits = {
  /** Calls, outputs and turns of loops; natives count by the size of what they look at. About 10 ns each. */
  readonly maxSteps: number
  /** Of strings, arrays and objects that are built, estimated, whether or not they are kept. */
  readonly maxBytes: number
}

/**
 * In nodes of the program that are being evaluated at once. A node takes up to 300 bytes of stack;
 * Node gives a program 984 kB.
 */
const DEEPEST = 2_000

/** What one evaluation may still use. */
export class Budget {
  #steps: number
  #bytes: number
  /** A `try` or `label` that catches sets it back to what it found. */
  depth = 0

  constructor(limits: JqLimits) {
    this.#steps = limits.maxSteps
    this.#bytes = limits.maxBytes
  }

  step(): void {
    if (--this.#steps < 0) throw new JqLimitError('steps')
  }

  /** Work in proportion to `size`. */
  steps(size: number): void {
    this.#steps -= size
    if (this.#steps < 0) throw new JqLimitError('steps')
  }

  bytes(size: number): void {
    this.#bytes -= size
    if (!(this.#bytes >= 0)) throw new JqLimitError('bytes')
  }

  enter(nodes: number): void {
    this.depth += nodes
    if (this.depth > DEEPEST) throw new JqLimitError('depth')
  }

  leave(nodes: number): void {
    this.depth -= nodes
  }
}
