import { type Code, type Each, type InPlace, type One, streamCode, valueCode } from './code.ts'
import type { Compiler } from './compiler.ts'
import type { Scope } from './scope.ts'
import type { Node } from './syntax.ts'
import { isTrue } from './values.ts'

type NodeOf<Kind extends Node['kind']> = Extract<Node, { kind: Kind }>

export function compilePipe(
  compiler: Compiler,
  node: NodeOf<'pipe'>,
  scope: Scope,
  isTail: boolean,
): Code {
  const left = compiler.code(node.left, scope)
  const right = compiler.code(node.right, scope, isTail && left.one !== null)
  return {
    one: pipeOne(left.one, right.one),
    each: pipeEach(left, right),
    ...pipeInPlace(left.inPlace, right.inPlace),
    paths: (run, env, path, input, emit) =>
      left.paths(run, env, path, input, (inner, value) => {
        run.step()
        right.paths(run, env, inner, value, emit)
      }),
  }
}

function pipeInPlace(left: InPlace | undefined, right: InPlace | undefined) {
  if (left === undefined || right === undefined) return {}
  const inPlace: InPlace = (run, env, state) => {
    left(run, env, state)
    right(run, env, state)
  }
  return { inPlace }
}

function pipeOne(left: One | null, right: One | null): One | null {
  if (left === null || right === null) return null
  return (run, env, input) => right(run, env, left(run, env, input))
}

function pipeEach(left: Code, right: Code): Each {
  const leftOne = left.one
  if (leftOne !== null)
    return (run, env, input, emit) => right.each(run, env, leftOne(run, env, input), emit)
  return (run, env, input, emit) =>
    left.each(run, env, input, (value) => {
      run.step()
      right.each(run, env, value, emit)
    })
}

export function compileComma(
  compiler: Compiler,
  node: NodeOf<'comma'>,
  scope: Scope,
  isTail: boolean,
): Code {
  const items = node.items.map((item, at) =>
    compiler.code(item, scope, isTail && at + 1 === node.items.length),
  )
  return {
    one: null,
    each: (run, env, input, emit) => {
      for (const item of items) {
        run.step()
        item.each(run, env, input, emit)
      }
    },
    paths: (run, env, path, input, emit) => {
      for (const item of items) {
        run.step()
        item.paths(run, env, path, input, emit)
      }
    },
  }
}

export function compileIf(
  compiler: Compiler,
  node: NodeOf<'if'>,
  scope: Scope,
  isTail: boolean,
): Code {
  const condition = compiler.code(node.condition, scope)
  const branchIsTail = isTail && condition.one !== null
  const then = compiler.code(node.then, scope, branchIsTail)
  const otherwise = compiler.code(node.otherwise ?? { kind: 'identity' }, scope, branchIsTail)
  return {
    one: ifOne(condition.one, then.one, otherwise.one),
    each: ifEach(condition, then, otherwise),
    ...ifInPlace(condition.one, then.inPlace, otherwise.inPlace),
    paths: (run, env, path, input, emit) =>
      condition.each(run, env, input, (value) =>
        (isTrue(value) ? then : otherwise).paths(run, env, path, input, emit),
      ),
  }
}

function ifInPlace(
  condition: One | null,
  then: InPlace | undefined,
  otherwise: InPlace | undefined,
) {
  if (condition === null || then === undefined || otherwise === undefined) return {}
  const inPlace: InPlace = (run, env, state) => {
    const branch = isTrue(condition(run, env, state.value)) ? then : otherwise
    branch(run, env, state)
  }
  return { inPlace }
}

function ifOne(condition: One | null, then: One | null, otherwise: One | null): One | null {
  if (condition === null || then === null || otherwise === null) return null
  return (run, env, input) =>
    isTrue(condition(run, env, input)) ? then(run, env, input) : otherwise(run, env, input)
}

function ifEach(condition: Code, then: Code, otherwise: Code): Each {
  const { one } = condition
  if (one !== null)
    return (run, env, input, emit) =>
      (isTrue(one(run, env, input)) ? then : otherwise).each(run, env, input, emit)
  return (run, env, input, emit) =>
    condition.each(run, env, input, (value) =>
      (isTrue(value) ? then : otherwise).each(run, env, input, emit),
    )
}

/** The right side is not looked at where the left one decides. */
export function compileLogic(compiler: Compiler, node: NodeOf<'and' | 'or'>, scope: Scope): Code {
  const left = compiler.code(node.left, scope)
  const right = compiler.code(node.right, scope)
  const decisive = node.kind === 'or'
  const leftOne = left.one
  const rightOne = right.one
  if (leftOne !== null && rightOne !== null)
    return valueCode((run, env, input) =>
      isTrue(leftOne(run, env, input)) === decisive ? decisive : isTrue(rightOne(run, env, input)),
    )
  return streamCode((run, env, input, emit) =>
    left.each(run, env, input, (value) => {
      run.step()
      if (isTrue(value) === decisive) emit(decisive)
      else right.each(run, env, input, (other) => emit(isTrue(other)))
    }),
  )
}
