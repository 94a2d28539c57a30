import type { Env, UserFunction } from './code.ts'

/** What a name means at a place in the program. `size` is how many links its environment has there. */
export type Scope = {
  readonly entry: ScopeEntry
  readonly up: Scope | null
  readonly size: number
}

export type ScopeEntry =
  | { readonly kind: 'root' }
  | { readonly kind: 'variable'; readonly name: string; readonly isParameter: boolean }
  | { readonly kind: 'parameter' | 'label'; readonly name: string }
  | { readonly kind: 'function'; readonly name: string; readonly definition: UserFunction }

export const ROOT_SCOPE: Scope = { entry: { kind: 'root' }, up: null, size: 0 }

/** Functions are not in the environment: what they are is known when the program is compiled. */
export function withEntry(up: Scope, entry: ScopeEntry): Scope {
  return { entry, up, size: up.size + (entry.kind === 'function' ? 0 : 1) }
}

export function withVariables(scope: Scope, names: readonly string[]): Scope {
  return names.reduce<Scope>(
    (up, name) => withEntry(up, { kind: 'variable', name, isParameter: false }),
    scope,
  )
}

/** The innermost entry that fits. */
export function find(scope: Scope, fits: (entry: ScopeEntry) => boolean): Scope | null {
  for (let each: Scope | null = scope; each !== null; each = each.up)
    if (fits(each.entry)) return each
  return null
}

export function linkAbove(env: Env, hops: number): Env {
  let link = env
  for (let left = hops; left > 0; left--) link = link.up ?? link
  return link
}
