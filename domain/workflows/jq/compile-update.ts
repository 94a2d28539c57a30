import type { Json } from '../../kernel/json.ts'
import { Change } from './change.ts'
import { type Code, type Env, type Run, stoppable, streamCode, valueCode } from './code.ts'
import type { Compiler } from './compiler.ts'
import { OPERATORS, type Operator } from './operators.ts'
import { invalidResult, keysOf, ROOT } from './path.ts'
import type { Scope } from './scope.ts'
import type { BinaryOperator, Node } from './syntax.ts'
import { isTrue } from './values.ts'

/** `target = value` and its kin: what is found by the paths of `target` is replaced. */
export function compileUpdate(
  compiler: Compiler,
  node: Extract<Node, { kind: 'update' }>,
  scope: Scope,
): Code {
  const target = compiler.code(node.target, scope)
  const value = compiler.code(node.value, scope)
  if (node.operator === '|=')
    return valueCode((run, env, input) => modify(run, env, input, target, value))
  if (node.operator === '=') return forEachValue(value, assign(target))
  return forEachValue(value, combine(target, operatorOf(node.operator)))
}

type Apply = (run: Run, env: Env, input: Json, value: Json) => Json

/** The value is computed from the whole input; each of its outputs gives an output. */
function forEachValue(value: Code, apply: Apply): Code {
  const { one } = value
  if (one !== null)
    return valueCode((run, env, input) => apply(run, env, input, one(run, env, input)))
  return streamCode((run, env, input, emit) =>
    value.each(run, env, input, (each) => emit(apply(run, env, input, each))),
  )
}

function assign(target: Code): Apply {
  return (run, env, input, value) => {
    const change = new Change(run, input)
    for (const keys of pathsOf(run, env, input, target)) change.write(keys, value)
    return change.value
  }
}

function combine(target: Code, operator: Operator): Apply {
  return (run, env, input, value) => {
    const change = new Change(run, input)
    for (const keys of pathsOf(run, env, input, target))
      change.write(keys, operator(run, change.read(keys), value))
    return change.value
  }
}

function operatorOf(operator: string): Operator {
  return operator === '//='
    ? (_run, left, right) => (isTrue(left) ? left : right)
    : OPERATORS[operator.slice(0, -1) as BinaryOperator]
}

/** The first output of `update` replaces a part; a part for which it has none is deleted in the end. */
export function modify(run: Run, env: Env, input: Json, target: Code, update: Code): Json {
  const change = new Change(run, input)
  const deleted: (readonly Json[])[] = []
  const first = firstOf(update)
  for (const keys of pathsOf(run, env, input, target)) {
    const value = first(run, env, change.read(keys))
    if (value === undefined) deleted.push(keys)
    else change.write(keys, value)
  }
  change.delete(deleted)
  return change.value
}

/** The first output, or undefined: nothing after it is computed. */
export function firstOf(code: Code): (run: Run, env: Env, input: Json) => Json | undefined {
  const { one } = code
  if (one !== null) return one
  return (run, env, input) => {
    let first: Json | undefined
    stoppable(run, (stop) =>
      code.each(run, env, input, (value) => {
        first = value
        throw stop
      }),
    )
    return first
  }
}

export function pathsOf(
  run: Run,
  env: Env,
  input: Json,
  target: Code,
): readonly (readonly Json[])[] {
  const paths: (readonly Json[])[] = []
  target.paths(run, env, ROOT, input, (path, value) => {
    run.step()
    paths.push(path === undefined ? invalidResult(value) : keysOf(run, path))
  })
  return paths
}
