import type { Json } from '../../kernel/json.ts'
import { Change } from './change.ts'
import type { Code, Env, Run } from './code.ts'
import { compilePatterns } from './compile-bind.ts'
import type { Compiler } from './compiler.ts'
import { notLeft, type Path } from './path.ts'
import type { Scope } from './scope.ts'
import type { Node } from './syntax.ts'

type NodeOf<Kind extends Node['kind']> = Extract<Node, { kind: Kind }>

/** Goes through what `source` gives, with its parts bound. */
type Turns = (run: Run, env: Env, input: Json, turn: (env: Env, pattern: number) => void) => void

/** As jq has it, each turn is at the path of what the source gave, whatever the state is. */
type TurnsAt = (
  run: Run,
  env: Env,
  path: Path,
  input: Json,
  turn: (env: Env, pattern: number, path: Path) => void,
) => void

function compileTurns(
  compiler: Compiler,
  node: NodeOf<'reduce'> | NodeOf<'foreach'>,
  scope: Scope,
): { readonly turns: Turns; readonly turnsAt: TurnsAt; readonly scopes: readonly Scope[] } {
  const source = compiler.code(node.source, scope)
  const { bind, scopes } = compilePatterns(compiler, node.patterns, scope)
  return {
    turns: (run, env, input, turn) =>
      source.each(run, env, input, (value) => {
        run.step()
        bind(run, env, value, turn)
      }),
    turnsAt: (run, env, path, input, turn) =>
      source.paths(run, env, notLeft(path), input, (at, value) => {
        run.step()
        bind(run, env, value, (inner, pattern) => turn(inner, pattern, notLeft(at)))
      }),
    scopes,
  }
}

/** The last output of the update is the next state; null where it has none. */
export function compileReduce(compiler: Compiler, node: NodeOf<'reduce'>, scope: Scope): Code {
  const initial = compiler.code(node.initial, scope)
  const { turns, turnsAt, scopes } = compileTurns(compiler, node, scope)
  const updates = scopes.map((inner) => compiler.code(node.update, inner))
  const [only] = updates
  const inPlace = updates.length === 1 ? only?.inPlace : undefined
  const fold = (run: Run, env: Env, input: Json, start: Json): Json => {
    if (inPlace !== undefined) {
      const changing = new Change(run, start)
      turns(run, env, input, (inner) => inPlace(run, inner, changing))
      return changing.value
    }
    let state = start
    turns(run, env, input, (inner, at) => {
      const update = updates[at]
      if (update?.one) {
        state = update.one(run, inner, state)
        return
      }
      let last: Json = null
      update?.each(run, inner, state, (value) => {
        last = value
      })
      state = last
    })
    return state
  }
  const { one } = initial
  return {
    one: one === null ? null : (run, env, input) => fold(run, env, input, one(run, env, input)),
    each: (run, env, input, emit) =>
      initial.each(run, env, input, (start) => emit(fold(run, env, input, start))),
    paths: (run, env, path, input, emit) =>
      initial.paths(run, env, path, input, (begin, start) => {
        let state = start
        turnsAt(run, env, begin, input, (inner, pattern, at) => {
          const before = state
          state = null
          updates[pattern]?.paths(run, inner, at, before, (_path, value) => {
            state = value
          })
        })
        emit(begin, state)
      }),
  }
}

/** Each output of the update is the next state, and is given out as `extract` sees it; null where it has none. */
export function compileForeach(compiler: Compiler, node: NodeOf<'foreach'>, scope: Scope): Code {
  const initial = compiler.code(node.initial, scope)
  const { turns, turnsAt, scopes } = compileTurns(compiler, node, scope)
  const updates = scopes.map((inner) => compiler.code(node.update, inner))
  const extracts = scopes.map((inner) => compiler.code(node.extract ?? { kind: 'identity' }, inner))
  return {
    one: null,
    each: (run, env, input, emit) =>
      initial.each(run, env, input, (start) => {
        let state = start
        turns(run, env, input, (inner, at) => {
          const before = state
          state = null
          updates[at]?.each(run, inner, before, (next) => {
            state = next
            extracts[at]?.each(run, inner, next, emit)
          })
        })
      }),
    paths: (run, env, path, input, emit) =>
      initial.paths(run, env, path, input, (begin, start) => {
        let state = start
        turnsAt(run, env, begin, input, (inner, pattern, at) => {
          const before = state
          state = null
          updates[pattern]?.paths(run, inner, at, before, (next, value) => {
            state = value
            extracts[pattern]?.paths(run, inner, next, value, emit)
          })
        })
      }),
  }
}
