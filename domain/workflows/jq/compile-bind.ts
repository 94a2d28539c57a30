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

/**
 * The scopes in and after a pattern. What it binds is there for what follows it, not for its own keys: in
 * `keys` its names are blank. Of several of one name the first that is bound counts.
 */
type Scopes = { readonly scope: Scope; readonly keys: Scope; readonly names: readonly string[] }

/** A part of a pattern, and the scopes of the next one. */
type Binding = Scopes & { readonly bind: Bind }

const BLANK = ''

function before(scope: Scope): Scopes {
  return { scope, keys: scope, names: [] }
}

function withName({ scope, keys, names }: Scopes, name: string): Scopes {
  const isTaken = names.includes(name)
  return {
    scope: withVariables(scope, [isTaken ? BLANK : name]),
    keys: withVariables(keys, [BLANK]),
    names: [...names, name],
  }
}

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
    const binding = compilePattern(compiler, first, before(scope))
    const bind: BindAny = (run, env, value, use) =>
      binding.bind(run, env, value, (inner) => use(inner, 0))
    return { bind, scopes: [binding.scope] }
  }
  // All variables are there under each pattern, null where it does not have them.
  const names = patterns.flatMap(namesOf)
  const bindings = patterns.map((pattern) =>
    compilePattern(compiler, pattern, before(withVariables(scope, names))),
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

function compilePattern(compiler: Compiler, pattern: Pattern, scopes: Scopes): Binding {
  switch (pattern.kind) {
    case 'variable':
      return {
        ...withName(scopes, pattern.name),
        bind: (_run, up, value, use) => use({ value, closure: null, up }),
      }
    case 'array': {
      const items = pattern.items.map((item, at) => ({ item, at })).reverse()
      return inOrder(items, scopes, ({ item, at }, inner) => {
        const binding = compilePattern(compiler, item, inner)
        return {
          ...binding,
          bind: (run, env, value, use) => binding.bind(run, env, index(run, value, at), use),
        }
      })
    }
    case 'object':
      return inOrder(pattern.entries, scopes, (entry, inner) =>
        compileEntry(compiler, entry, inner),
      )
  }
}

function compileEntry(compiler: Compiler, entry: PatternEntry, scopes: Scopes): Binding {
  const { key: keyNode, variable, value: inside } = entry
  const key = compiler.code(keyNode, scopes.keys)
  const named = variable === null ? scopes : withName(scopes, variable)
  const rest = inside === null ? null : compilePattern(compiler, inside, named)
  return {
    ...(rest ?? named),
    bind: (run, env, value, use) =>
      key.each(run, env, value, (at) => {
        const part = index(run, value, at)
        const up = variable === null ? env : { value: part, closure: null, up: env }
        if (rest === null) use(up)
        else rest.bind(run, up, part, use)
      }),
  }
}

/** The first part varies slowest. */
function inOrder<Part>(
  parts: readonly Part[],
  scopes: Scopes,
  compilePart: (part: Part, scopes: Scopes) => Binding,
): Binding {
  let binding: Binding = { ...scopes, bind: (_run, env, _value, use) => use(env) }
  for (const part of parts) {
    const { bind } = binding
    const next = compilePart(part, binding)
    binding = {
      ...next,
      bind: (run, env, value, use) =>
        bind(run, env, value, (inner) => next.bind(run, inner, value, use)),
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
