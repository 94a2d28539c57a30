import type { ASTNode } from '@marcbachmann/cel-js'
import type { WindowSpec } from '../window-spec.ts'
import type { CelType } from './cel-type.ts'
import type { Closure } from './run.ts'
import type { ConditionScope } from './scope.ts'

/** What the compiler knows at one place of a text. */
export type Place = Pick<ConditionScope, 'pastEvent'> & {
  readonly text: string
  readonly roots: ReadonlyMap<string, CelType>
  /** Variables of comprehensions, and the slot of each. */
  readonly locals: ReadonlyMap<string, number>
  /** Filled as windows are found. */
  readonly windows: WindowSpec[]
  /** Compiles what is within a node. */
  readonly compile: (node: ASTNode, place: Place) => Closure
}
