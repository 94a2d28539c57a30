import type { Code } from './code.ts'
import { valueCode } from './code.ts'
import { compileBind } from './compile-bind.ts'
import { compileCall, compileDefinition } from './compile-call.ts'
import { compileComma, compileIf, compileLogic, compilePipe } from './compile-control.ts'
import { compileAlternative, compileBreak, compileLabel, compileTry } from './compile-escape.ts'
import { compileForeach, compileReduce } from './compile-fold.ts'
import { compileIndex, compileIterate, compileSlice, DESCEND, IDENTITY } from './compile-path.ts'
import { compileUpdate } from './compile-update.ts'
import {
  compileArray,
  compileBinary,
  compileFormat,
  compileNegate,
  compileObject,
  compileText,
  compileVariable,
} from './compile-value.ts'
import { type CompileNode, Compiler } from './compiler.ts'
import type { Scope } from './scope.ts'
import type { Node } from './syntax.ts'

type Rules = {
  readonly [Kind in Node['kind']]: (
    compiler: Compiler,
    node: Extract<Node, { kind: Kind }>,
    scope: Scope,
    isTail: boolean,
  ) => Code
}

const RULES: Rules = {
  identity: () => IDENTITY,
  descend: () => DESCEND,
  literal: (_compiler, { value }) => valueCode(() => value),
  text: compileText,
  format: compileFormat,
  index: compileIndex,
  slice: compileSlice,
  iterate: compileIterate,
  try: compileTry,
  array: compileArray,
  object: compileObject,
  negate: compileNegate,
  pipe: compilePipe,
  comma: compileComma,
  binary: compileBinary,
  and: compileLogic,
  or: compileLogic,
  alternative: compileAlternative,
  update: compileUpdate,
  if: compileIf,
  reduce: compileReduce,
  foreach: compileForeach,
  bind: compileBind,
  label: compileLabel,
  break: compileBreak,
  define: compileDefinition,
  call: compileCall,
  variable: compileVariable,
}

/** @throws JqSyntaxError where a name means nothing. */
export function compile(source: string, node: Node, scope: Scope): { code: Code; nodes: number } {
  const compiler = new Compiler(source, compileNode)
  return { code: compiler.code(node, scope), nodes: compiler.nodes }
}

function compileNode(compiler: Compiler, node: Node, scope: Scope, isTail: boolean): Code {
  const rule = RULES[node.kind] as CompileNode
  return rule(compiler, node, scope, isTail)
}
