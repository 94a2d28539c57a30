import type { Json } from '../../kernel/json.ts'
import { Change } from './change.ts'
import {
  type Code,
  type Env,
  type InPlace,
  type Paths,
  passingCode,
  passingStreamCode,
  type Run,
  stoppable,
  streamCode,
  valueCode,
} from './code.ts'
import type { Compiler } from './compiler.ts'
import { add, OPERATORS, type Operator } from './operators.ts'
import { invalidAccess, invalidResult, isAt, keysOf, rootOf } from './path.ts'
import type { Scope } from './scope.ts'
import type { BinaryOperator, Node } from './syntax.ts'
import { usesInput } from './uses-input.ts'
import { isTrue } from './values.ts'

/** `target = value` and its kin: what is found by the paths of `target` is replaced. */
export function compileUpdate(
  compiler: Compiler,
  node: Extract<Node, { kind: 'update' }>,
  scope: Scope,
): Code {
  const target = compiler.code(node.target, scope)
  const value = compiler.code(node.value, scope)
  if (node.operator === '|=') return modifyCode(target, value)
  const write = node.operator === '=' ? assign : combine(operatorOf(node.operator))
  const apply: Apply = (run, env, state, each) => {
    // The value may be a part of the state, which then must not change.
    if (typeof each === 'object' && usesInput(node.value)) state.share()
    write(run, state, pathsOf(run, env, state.value, target), each)
  }
  const code = forEachValue(value, apply)
  return node.operator === '=' ? code : { ...code, paths: noPaths(value, apply) }
}

function modifyCode(target: Code, update: Code): Code {
  return {
    ...inPlaceCode((run, env, state) => modifyInPlace(run, env, state, target, update)),
    paths: (run, env, _path, input) => {
      const state = new Change(run, input)
      const deleted = replace(run, env, state, target, update)
      invalidAccess(0, [state.value, deleted])
    },
  }
}

/** What has been modified has no path, not even where it is as before. jq's message shows how it modifies. */
function noPaths(value: Code, apply: Apply): Paths {
  return (run, env, _path, input) =>
    value.each(run, env, input, (each) => {
      const state = new Change(run, input)
      apply(run, env, state, each)
      invalidAccess(0, [state.value, []])
    })
}

/** How a piece that changes its input in place is used where the input is someone else's. */
function inPlaceCode(inPlace: InPlace): Code {
  return {
    ...passingCode((run, env, input) => {
      const state = new Change(run, input)
      inPlace(run, env, state)
      return state.value
    }),
    inPlace,
  }
}

/** Changes the state by one output of the value. */
type Apply = (run: Run, env: Env, state: Change, each: Json) => void

/** The value is computed from the whole input; each of its outputs gives an output. */
function forEachValue(value: Code, apply: Apply): Code {
  const { one } = value
  if (one !== null)
    return inPlaceCode((run, env, state) => apply(run, env, state, one(run, env, state.value)))
  return passingStreamCode((run, env, input, emit) =>
    value.each(run, env, input, (each) => {
      const state = new Change(run, input)
      apply(run, env, state, each)
      emit(state.value)
    }),
  )
}

type Write = (run: Run, state: Change, paths: readonly (readonly Json[])[], value: Json) => void

const assign: Write = (_run, state, paths, value) => {
  for (const keys of paths) state.write(keys, value)
}

function combine(operator: Operator): Write {
  return (run, state, paths, value) => {
    for (const keys of paths) state.write(keys, operator(run, state.read(keys), value))
  }
}

function operatorOf(operator: string): Operator {
  return operator === '//='
    ? (_run, left, right) => (isTrue(left) ? left : right)
    : OPERATORS[operator.slice(0, -1) as BinaryOperator]
}

export function modify(run: Run, env: Env, input: Json, target: Code, update: Code): Json {
  const state = new Change(run, input)
  modifyInPlace(run, env, state, target, update)
  return state.value
}

function modifyInPlace(run: Run, env: Env, state: Change, target: Code, update: Code): void {
  state.delete(replace(run, env, state, target, update))
}

/**
 * The first output of `update` replaces a part.
 *
 * @returns the paths to the parts for which it has none, to be deleted in the end.
 */
function replace(
  run: Run,
  env: Env,
  state: Change,
  target: Code,
  update: Code,
): readonly (readonly Json[])[] {
  const deleted: (readonly Json[])[] = []
  const first = firstOf(update)
  for (const keys of pathsOf(run, env, state.value, target)) {
    const value = first(run, env, state.read(keys))
    if (value === undefined) deleted.push(keys)
    else state.write(keys, value)
  }
  return deleted
}

/** `. + value`, where the value is made of anything but the input. */
export function compileGrowth(value: Code): Code {
  const { one } = value
  if (one === null)
    return streamCode((run, env, input, emit) =>
      value.each(run, env, input, (each) => emit(add(run, input, each))),
    )
  return {
    ...valueCode((run, env, input) => add(run, input, one(run, env, input))),
    inPlace: (run, env, state) => state.add(one(run, env, state.value)),
  }
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
  target.paths(run, env, rootOf(input), input, (path, value) => {
    run.step()
    paths.push(isAt(path, value) ? keysOf(run, path) : invalidResult(value))
  })
  return paths
}
