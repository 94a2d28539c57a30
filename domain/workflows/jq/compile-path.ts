import type { Json } from '../../kernel/json.ts'
import { field, index, iterate } from './access.ts'
import type { Code, EmitAt, One, Run } from './code.ts'
import type { Compiler } from './compiler.ts'
import { Raised } from './errors.ts'
import { below, invalidAccess, invalidIteration, isAt, type Path } from './path.ts'
import type { Scope } from './scope.ts'
import type { Node } from './syntax.ts'

type NodeOf<Kind extends Node['kind']> = Extract<Node, { kind: Kind }>

export const IDENTITY: Code = {
  one: (_run, _env, input) => input,
  each: (_run, _env, input, emit) => emit(input),
  paths: (_run, _env, path, input, emit) => emit(path, input),
  inPlace: () => undefined,
}

/** `..` */
export const DESCEND: Code = {
  one: null,
  each: (run, _env, input, emit) => descend(run, input, emit),
  paths: (run, _env, path, input, emit) => descendAt(run, path, input, emit),
}

function descend(run: Run, value: Json, emit: (value: Json) => void): void {
  run.step()
  emit(value)
  if (typeof value !== 'object' || value === null) return
  run.enter(1)
  iterate(run, value, (each) => descend(run, each, emit))
  run.leave(1)
}

function descendAt(run: Run, path: Path, value: Json, emit: EmitAt): void {
  run.step()
  emit(path, value)
  if (!isIterable(value) && isAt(path, value)) return
  run.enter(1)
  iterateAt(run, path, value, (inner, each) => descendAt(run, inner, each, emit))
  run.leave(1)
}

function iterateAt(run: Run, path: Path, value: Json, emit: EmitAt): void {
  if (!isAt(path, value)) invalidIteration(value)
  iterate(run, value, (each, key) => emit(below(run, path, key, each), each))
}

function isIterable(value: Json): boolean {
  return typeof value === 'object' && value !== null
}

export function compileIterate(compiler: Compiler, node: NodeOf<'iterate'>, scope: Scope): Code {
  const of = compiler.code(node.of, scope)
  const isOptional = node.isOptional === true
  return {
    one: null,
    each: (run, env, input, emit) =>
      of.each(run, env, input, (value) => {
        if (!isOptional || isIterable(value)) iterate(run, value, emit)
      }),
    paths: (run, env, path, input, emit) =>
      of.paths(run, env, path, input, (inner, value) => {
        if (!isOptional || isIterable(value) || !isAt(inner, value))
          iterateAt(run, inner, value, emit)
      }),
  }
}

export function compileIndex(compiler: Compiler, node: NodeOf<'index'>, scope: Scope): Code {
  const of = compiler.code(node.of, scope)
  const { key } = node
  if (node.isOptional) return optionalAccess(of, compiler.code(key, scope))
  if (key.kind === 'literal' && typeof key.value === 'string') return fieldCode(of, key.value)
  return accessCode(of, compiler.code(key, scope))
}

function fieldCode(of: Code, key: string): Code {
  return {
    one: fieldOne(of, key),
    each: (run, env, input, emit) => of.each(run, env, input, (value) => emit(field(value, key))),
    paths: (run, env, path, input, emit) =>
      of.paths(run, env, path, input, (inner, value) => {
        if (!isAt(inner, value)) invalidAccess(key, value)
        const part = field(value, key)
        emit(below(run, inner, key, part), part)
      }),
  }
}

function fieldOne(of: Code, key: string): One | null {
  const { one } = of
  if (of === IDENTITY) return (_run, _env, input) => field(input, key)
  return one === null ? null : (run, env, input) => field(one(run, env, input), key)
}

/** `of[key]`: for each key, for each value. */
function accessCode(of: Code, key: Code): Code {
  const ofOne = of.one
  const keyOne = key.one
  return {
    one:
      ofOne === null || keyOne === null
        ? null
        : (run, env, input) => {
            const at = keyOne(run, env, input)
            return index(run, ofOne(run, env, input), at)
          },
    each: (run, env, input, emit) =>
      key.each(run, env, input, (at) =>
        of.each(run, env, input, (value) => emit(index(run, value, at))),
      ),
    paths: (run, env, path, input, emit) =>
      key.each(run, env, input, (at) =>
        of.paths(run, env, path, input, (inner, value) => {
          if (!isAt(inner, value)) invalidAccess(at, value)
          const part = index(run, value, at)
          emit(below(run, inner, at, part), part)
        }),
      ),
  }
}

/** `of[key]?`: nothing where the value does not have such keys. */
function optionalAccess(of: Code, key: Code): Code {
  return {
    one: null,
    each: (run, env, input, emit) =>
      key.each(run, env, input, (at) =>
        of.each(run, env, input, (value) => {
          const part = indexIfAny(run, value, at)
          if (part !== undefined) emit(part)
        }),
      ),
    paths: (run, env, path, input, emit) =>
      key.each(run, env, input, (at) =>
        of.paths(run, env, path, input, (inner, value) => {
          if (!isAt(inner, value)) invalidAccess(at, value)
          const part = indexIfAny(run, value, at)
          if (part !== undefined) emit(below(run, inner, at, part), part)
        }),
      ),
  }
}

function indexIfAny(run: Run, value: Json, key: Json): Json | undefined {
  try {
    return index(run, value, key)
  } catch (fault) {
    if (fault instanceof Raised) return undefined
    throw fault
  }
}

/** `of[from:to]` is `of[{start: from, end: to}]`. */
export function compileSlice(compiler: Compiler, node: NodeOf<'slice'>, scope: Scope): Code {
  const key: Node = {
    kind: 'object',
    entries: [
      { key: { kind: 'literal', value: 'start' }, value: node.from ?? NOTHING },
      { key: { kind: 'literal', value: 'end' }, value: node.to ?? NOTHING },
    ],
  }
  const access = node.isOptional ? optionalAccess : accessCode
  return access(compiler.code(node.of, scope), compiler.code(key, scope))
}

const NOTHING: Node = { kind: 'literal', value: null }
