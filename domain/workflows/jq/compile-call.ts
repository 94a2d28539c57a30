import type { Json } from '../../kernel/json.ts'
import type { Closure, Code, Each, Emit, Env, One, Paths, Run, UserFunction } from './code.ts'
import type { Compiler } from './compiler.ts'
import { nativeOf } from './natives/natives.ts'
import { PRELUDE } from './prelude.ts'
import { find, linkAbove, ROOT_SCOPE, type Scope, type ScopeEntry, withEntry } from './scope.ts'
import type { Node, Parameter } from './syntax.ts'

type NodeOf<Kind extends Node['kind']> = Extract<Node, { kind: Kind }>

export function compileDefinition(
  compiler: Compiler,
  node: NodeOf<'define'>,
  scope: Scope,
  isTail: boolean,
): Code {
  const definition = compileFunction(compiler, node, scope)
  const inner = withEntry(scope, { kind: 'function', name: node.name, definition })
  return compiler.code(node.rest, inner, isTail)
}

type Definition = {
  readonly name: string
  readonly parameters: readonly Parameter[]
  readonly body: Node
}

/**
 * A function that calls itself has exactly one output if it has when its own calls are taken to have
 * one; where that fails, it is compiled again without.
 */
function compileFunction(compiler: Compiler, node: Definition, scope: Scope): UserFunction {
  const hopeful = compileAssuming(compiler, node, scope, true)
  if (!hopeful.isRecursive || hopeful.code?.one) return hopeful
  return compileAssuming(compiler, node, scope, false)
}

function compileAssuming(
  compiler: Compiler,
  { name, parameters, body }: Definition,
  scope: Scope,
  assumesOne: boolean,
): UserFunction {
  const definition: UserFunction = {
    parameters,
    code: null,
    weight: 1,
    assumesOne,
    isRecursive: false,
  }
  const before = compiler.nodes
  let inner = withEntry(scope, { kind: 'function', name, definition })
  for (const parameter of parameters) inner = withEntry(inner, entryOf(parameter))
  definition.code = compiler.code(body, inner, true)
  definition.weight = compiler.nodes - before + 1
  return definition
}

/** `$name` is there as `name` too. */
function entryOf({ name, isValue }: Parameter): ScopeEntry {
  return isValue ? { kind: 'variable', name, isParameter: true } : { kind: 'parameter', name }
}

export function compileCall(
  compiler: Compiler,
  node: NodeOf<'call'>,
  scope: Scope,
  isTail: boolean,
): Code {
  const { name, args } = node
  const found = find(scope, (entry) => isMeant(entry, name, args.length))
  if (found !== null) return compileFound(compiler, node, scope, found, isTail)
  const native = nativeOf(name, args.length)
  if (native !== undefined) return native(args.map((arg) => compiler.code(arg, scope)))
  const definition = PRELUDE.get(`${name}/${args.length}`)
  if (definition === undefined)
    return compiler.fail(`${name}/${args.length} is not defined`, node.at)
  const prelude = compileFunction(compiler, definition(), ROOT_SCOPE)
  return compileInvocation(compiler, prelude, args, { scope, hops: scope.size, isTail })
}

function isMeant(entry: ScopeEntry, name: string, arity: number): boolean {
  if (entry.kind === 'function')
    return entry.name === name && entry.definition.parameters.length === arity
  const isPassed = entry.kind === 'parameter' || (entry.kind === 'variable' && entry.isParameter)
  return isPassed && arity === 0 && entry.name === name
}

function compileFound(
  compiler: Compiler,
  node: NodeOf<'call'>,
  scope: Scope,
  found: Scope,
  isTail: boolean,
): Code {
  const hops = scope.size - found.size
  if (found.entry.kind === 'variable')
    return compiler.code({ kind: 'variable', name: node.name, at: node.at }, scope)
  if (found.entry.kind !== 'function') return parameterCode(hops)
  return compileInvocation(compiler, found.entry.definition, node.args, { scope, hops, isTail })
}

/** An argument is evaluated where it was written, each time the parameter is used. */
function parameterCode(hops: number): Code {
  return {
    one: null,
    each: (run, env, input, emit) => {
      const closure = linkAbove(env, hops).closure as Closure
      run.step()
      run.enter(closure.weight)
      closure.code.each(run, closure.env, input, emit)
      run.leave(closure.weight)
    },
    paths: (run, env, path, input, emit) => {
      const closure = linkAbove(env, hops).closure as Closure
      run.step()
      run.enter(closure.weight)
      closure.code.paths(run, closure.env, path, input, emit)
      run.leave(closure.weight)
    },
  }
}

/** Makes the environment of a function's body, once for each way in which its `$` arguments come out. */
type Enter = (run: Run, env: Env, input: Json, use: (inner: Env) => void) => void

/** Where each argument has one output. */
type EnterOne = (run: Run, env: Env, input: Json) => Env

type Argument = { readonly code: Code; readonly isValue: boolean; readonly weight: number }

type Place = { readonly scope: Scope; readonly hops: number; readonly isTail: boolean }

function compileInvocation(
  compiler: Compiler,
  callee: UserFunction,
  args: readonly Node[],
  { scope, hops, isTail }: Place,
): Code {
  const passed = args.map((arg, at): Argument => {
    const before = compiler.nodes
    const code = compiler.code(arg, scope)
    const isValue = callee.parameters[at]?.isValue ?? false
    return { code, isValue, weight: compiler.nodes - before }
  })
  if (callee.code === null) callee.isRecursive = true
  const hasOne = callee.code === null ? callee.assumesOne : callee.code.one !== null
  const enterOne = enterOnce(passed, hops)
  const enter = enterOne === null ? enterEach(passed, hops) : entered(enterOne)
  return {
    one: hasOne && enterOne !== null ? callOne(callee, enterOne, isTail) : null,
    each: callEach(callee, enterOne, enter, isTail),
    paths: callPaths(callee, enter),
  }
}

function enterOnce(args: readonly Argument[], hops: number): EnterOne | null {
  if (args.some(({ isValue, code }) => isValue && code.one === null)) return null
  if (args.length === 0) return (_run, env) => linkAbove(env, hops)
  return (run, env, input) => {
    let inner = linkAbove(env, hops)
    for (const { code, isValue, weight } of args)
      inner =
        isValue && code.one !== null
          ? { value: code.one(run, env, input), closure: null, up: inner }
          : { value: null, closure: { code, env, weight }, up: inner }
    return inner
  }
}

function entered(enterOne: EnterOne): Enter {
  return (run, env, input, use) => use(enterOne(run, env, input))
}

/** The first argument varies slowest. */
function enterEach(args: readonly Argument[], hops: number): Enter {
  return (run, env, input, use) => {
    const bind = (at: number, up: Env): void => {
      const arg = args[at]
      run.step()
      if (arg === undefined) use(up)
      else if (arg.isValue)
        arg.code.each(run, env, input, (value) => bind(at + 1, { value, closure: null, up }))
      else bind(at + 1, { value: null, closure: { ...arg, env }, up })
    }
    bind(0, linkAbove(env, hops))
  }
}

const codeOf = (callee: UserFunction): Code => callee.code as Code

function callOne(callee: UserFunction, enter: EnterOne, isTail: boolean): One {
  if (isTail)
    return (run, env, input) => {
      run.step()
      run.tail = { callee, env: enter(run, env, input), input, emit: null }
      return null
    }
  return (run, env, input) => {
    const inner = enter(run, env, input)
    run.step()
    run.enter(callee.weight)
    let value = (codeOf(callee).one as One)(run, inner, input)
    for (let next = run.tail; next !== null; next = run.tail) {
      run.tail = null
      value = (codeOf(next.callee).one as One)(run, next.env, next.input)
    }
    run.leave(callee.weight)
    return value
  }
}

function callEach(
  callee: UserFunction,
  enterOne: EnterOne | null,
  enter: Enter,
  isTail: boolean,
): Each {
  if (isTail && enterOne !== null)
    return (run, env, input, emit) => {
      run.step()
      run.tail = { callee, env: enterOne(run, env, input), input, emit }
    }
  const begin = (run: Run, env: Env, input: Json, emit: Emit): void => {
    run.step()
    run.enter(callee.weight)
    codeOf(callee).each(run, env, input, emit)
    for (let next = run.tail; next !== null; next = run.tail) {
      run.tail = null
      codeOf(next.callee).each(run, next.env, next.input, next.emit ?? emit)
    }
    run.leave(callee.weight)
  }
  if (enterOne !== null)
    return (run, env, input, emit) => begin(run, enterOne(run, env, input), input, emit)
  return (run, env, input, emit) =>
    enter(run, env, input, (inner) => begin(run, inner, input, emit))
}

function callPaths(callee: UserFunction, enter: Enter): Paths {
  return (run, env, path, input, emit) =>
    enter(run, env, input, (inner) => {
      run.step()
      run.enter(callee.weight)
      codeOf(callee).paths(run, inner, path, input, emit)
      run.leave(callee.weight)
    })
}
