import type { Json } from '../../kernel/json.ts'
import { Break, type Code, type Each, type One, type Paths, type Run, streamCode } from './code.ts'
import type { Compiler } from './compiler.ts'
import { Raised } from './errors.ts'
import { notLeft } from './path.ts'
import { find, linkAbove, type Scope, withEntry } from './scope.ts'
import type { Node } from './syntax.ts'
import { isTrue } from './values.ts'

type NodeOf<Kind extends Node['kind']> = Extract<Node, { kind: Kind }>

/** Raises what `body` raises, unless that is jq's own error and `body` itself raised it: then it is returned. */
export function attempt<Rest extends unknown[]>(
  run: Run,
  body: (emit: (...output: Rest) => void) => void,
  emit: (...output: Rest) => void,
): Raised | null {
  const { depth } = run
  let isInside = true
  try {
    body((...output) => {
      isInside = false
      emit(...output)
      isInside = true
    })
    return null
  } catch (fault) {
    if (!isInside || !(fault instanceof Raised)) throw fault
    run.depth = depth
    run.step()
    return fault
  }
}

export function compileTry(compiler: Compiler, node: NodeOf<'try'>, scope: Scope): Code {
  const body = compiler.code(node.body, scope)
  const handler = node.handler === null ? null : compiler.code(node.handler, scope)
  return {
    one: tryOne(body.one, handler?.one ?? null),
    each: (run, env, input, emit) => {
      const raised = attempt<[Json]>(run, (inner) => body.each(run, env, input, inner), emit)
      if (raised !== null) handler?.each(run, env, raised.value, emit)
    },
    paths: tryPaths(body, handler),
  }
}

function tryOne(body: One | null, handler: One | null): One | null {
  if (body === null || handler === null) return null
  return (run, env, input) => {
    const { depth } = run
    try {
      return body(run, env, input)
    } catch (fault) {
      if (!(fault instanceof Raised)) throw fault
      run.depth = depth
      run.step()
      return handler(run, env, fault.value)
    }
  }
}

function tryPaths(body: Code, handler: Code | null): Paths {
  return (run, env, path, input, emit) => {
    const raised = attempt(run, (inner) => body.paths(run, env, path, input, inner), emit)
    if (raised !== null) handler?.paths(run, env, notLeft(path), raised.value, emit)
  }
}

/** `left // right`: the outputs of `left` that are true, or else those of `right`. */
export function compileAlternative(
  compiler: Compiler,
  node: NodeOf<'alternative'>,
  scope: Scope,
): Code {
  const left = compiler.code(node.left, scope)
  const right = compiler.code(node.right, scope)
  return {
    one: alternativeOne(left.one, right.one),
    each: (run, env, input, emit) => {
      let isFound = false
      left.each(run, env, input, (value) => {
        if (!isTrue(value)) return
        isFound = true
        emit(value)
      })
      if (!isFound) right.each(run, env, input, emit)
    },
    paths: (run, env, path, input, emit) => {
      let isFound = false
      left.paths(run, env, path, input, (at, value) => {
        if (!isTrue(value)) return
        isFound = true
        emit(at, value)
      })
      if (!isFound) right.paths(run, env, path, input, emit)
    },
  }
}

function alternativeOne(left: One | null, right: One | null): One | null {
  if (left === null || right === null) return null
  return (run, env, input) => {
    const value = left(run, env, input)
    return isTrue(value) ? value : right(run, env, input)
  }
}

export function compileLabel(compiler: Compiler, node: NodeOf<'label'>, scope: Scope): Code {
  const body = compiler.code(node.body, withEntry(scope, { kind: 'label', name: node.name }))
  const within = (run: Run, up: Parameters<Each>[1], inside: (env: typeof up) => void): void => {
    const { depth } = run
    const link = { value: null, closure: null, up }
    try {
      inside(link)
    } catch (fault) {
      if (!(fault instanceof Break) || fault.target !== link) throw fault
      run.depth = depth
    }
  }
  return {
    one: null,
    each: (run, up, input, emit) => within(run, up, (env) => body.each(run, env, input, emit)),
    paths: (run, up, path, input, emit) =>
      within(run, up, (env) => body.paths(run, env, path, input, emit)),
  }
}

export function compileBreak(compiler: Compiler, node: NodeOf<'break'>, scope: Scope): Code {
  const { name } = node
  const found = find(scope, (entry) => entry.kind === 'label' && entry.name === name)
  if (found === null) return compiler.fail(`$*label-${name} is not defined`, node.at)
  const hops = scope.size - found.size
  return streamCode((run, env) => {
    run.step()
    throw new Break(linkAbove(env, hops))
  })
}
