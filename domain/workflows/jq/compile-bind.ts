import type { Json } from '../../kernel/json.ts'
import { index } from './access.ts'
import type { Code, Env, Run } from './code.ts'
import { attempt } from './compile-escape.ts'
import type { Compiler } from './compiler.ts'
import { type Scope, withVariables } from './scope.ts'
import type { Node, Pattern, PatternEntry } from './syntax.ts'

type NodeOf<Kind extends Node['kind']> = Extract<Node, { kind: Kind }>

/** Binds the variables of a pattern to parts of `value`, once for each way in which its keys come out. */
type Bind = (run: Run, env: Env, value: Json, use: (env: Env) => void) => void

/** A pattern, and the scope of what follows it. */
type Binding = { readonly bind: Bind; readonly scope: Scope }

/**
 * Calls `use` with what is bound. Of several patterns the next is taken where one, or what was done
 * with it, raises; `use` is told which one it is.
 */
export type BindAny = (
  run: Run,
  env: Env,
  value: Json,
  use: (env: Env, pattern: number) => void,
) => void

/** @returns how to bind, and the scope for the body under each pattern. */
export function compilePatterns(
  compiler: Compiler,
  patterns: readonly Pattern[],
  scope: Scope,
): { readonly bind: BindAny; readonly scopes: readonly Scope[] } {
  const [first] = patterns
  if (first !== undefined && patterns.length === 1) {
    const binding = compilePattern(compiler, first, scope)
    const bind: BindAny = (run, env, value, use) =>
      binding.bind(run, env, value, (inner) => use(inner, 0))
    return { bind, scopes: [binding.scope] }
  }
  // All variables are there under each pattern, null where it does not have them.
  const names = patterns.flatMap(namesOf)
  const bindings = patterns.map((pattern) =>
    compilePattern(compiler, pattern, withVariables(scope, names)),
  )
  return {
    bind: (run, env, value, use) => bindFirst(bindings, run, withNulls(env, names), value, use),
    scopes: bindings.map((binding) => binding.scope),
  }
}

function bindFirst(
  bindings: readonly Binding[],
  run: Run,
  env: Env,
  value: Json,
  use: (env: Env, pattern: number) => void,
): void {
  for (const [at, { bind }] of bindings.entries()) {
    const all = (): void => bind(run, env, value, (inner) => use(inner, at))
    if (at + 1 === bindings.length) all()
    else if (attempt<[]>(run, all, () => undefined) === null) return
  }
}

function withNulls(env: Env, names: readonly string[]): Env {
  return names.reduce<Env>((up) => ({ value: null, closure: null, up }), env)
}

function namesOf(pattern: Pattern): readonly string[] {
  switch (pattern.kind) {
    case 'variable':
      return [pattern.name]
    case 'array':
      return pattern.items.flatMap(namesOf)
    case 'object':
      return pattern.entries.flatMap(({ variable, value }) => [
        ...(variable === null ? [] : [variable]),
        ...(value === null ? [] : namesOf(value)),
      ])
  }
}

function compilePattern(compiler: Compiler, pattern: Pattern, scope: Scope): Binding {
  switch (pattern.kind) {
    case 'variable':
      return {
        bind: (_run, up, value, use) => use({ value, closure: null, up }),
        scope: withVariables(scope, [pattern.name]),
      }
    case 'array':
      return inOrder(pattern.items, scope, (item, inner, at) => {
        const binding = compilePattern(compiler, item, inner)
        return {
          bind: (run, env, value, use) => binding.bind(run, env, elementOf(run, value, at), use),
          scope: binding.scope,
        }
      })
    case 'object':
      return inOrder(pattern.entries, scope, (entry, inner) => compileEntry(compiler, entry, inner))
  }
}

function elementOf(run: Run, value: Json, at: number): Json {
  return index(run, value, at)
}

function compileEntry(compiler: Compiler, entry: PatternEntry, scope: Scope): Binding {
  const key = compiler.code(entry.key, scope)
  const names = entry.variable === null ? [] : [entry.variable]
  const named = withVariables(scope, names)
  const rest = entry.value === null ? null : compilePattern(compiler, entry.value, named)
  return {
    bind: (run, env, value, use) =>
      key.each(run, env, value, (at) => {
        const part = index(run, value, at)
        const up = names.length === 0 ? env : { value: part, closure: null, up: env }
        if (rest === null) use(up)
        else rest.bind(run, up, part, use)
      }),
    scope: rest?.scope ?? named,
  }
}

/** Each part sees what those before it bound. */
function inOrder<Part>(
  parts: readonly Part[],
  scope: Scope,
  compilePart: (part: Part, scope: Scope, at: number) => Binding,
): Binding {
  let binding: Binding = { bind: (_run, env, _value, use) => use(env), scope }
  for (const [at, part] of parts.entries()) {
    const before = binding.bind
    const next = compilePart(part, binding.scope, at)
    binding = {
      bind: (run, env, value, use) =>
        before(run, env, value, (inner) => next.bind(run, inner, value, use)),
      scope: next.scope,
    }
  }
  return binding
}

export function compileBind(
  compiler: Compiler,
  node: NodeOf<'bind'>,
  scope: Scope,
  isTail: boolean,
): Code {
  const source = compiler.code(node.source, scope)
  const [pattern] = node.patterns
  if (node.patterns.length === 1 && pattern?.kind === 'variable' && source.one !== null) {
    const inner = withVariables(scope, [pattern.name])
    return bindOne(source.one, compiler.code(node.body, inner, isTail))
  }
  const { bind, scopes } = compilePatterns(compiler, node.patterns, scope)
  const bodies = scopes.map((inner) => compiler.code(node.body, inner))
  return {
    one: null,
    each: (run, env, input, emit) =>
      source.each(run, env, input, (value) => {
        run.step()
        bind(run, env, value, (inner, at) => bodies[at]?.each(run, inner, input, emit))
      }),
    paths: (run, env, path, input, emit) =>
      source.each(run, env, input, (value) => {
        run.step()
        bind(run, env, value, (inner, at) => bodies[at]?.paths(run, inner, path, input, emit))
      }),
  }
}

function bindOne(source: NonNullable<Code['one']>, body: Code): Code {
  const { one } = body
  const bound = (run: Run, up: Env, input: Json): Env => ({
    value: source(run, up, input),
    closure: null,
    up,
  })
  return {
    one: one === null ? null : (run, env, input) => one(run, bound(run, env, input), input),
    each: (run, env, input, emit) => body.each(run, bound(run, env, input), input, emit),
    paths: (run, env, path, input, emit) =>
      body.paths(run, bound(run, env, input), path, input, emit),
  }
}
