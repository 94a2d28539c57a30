import type { Json } from '../../kernel/json.ts'

/**
 * What the parser makes of a program. `at` is the offset in its text, for errors that are found later.
 * An access `isOptional` with `?` directly after it, which hides its own errors, and none of those before it.
 */
export type Node =
  | { readonly kind: 'identity' }
  | { readonly kind: 'descend' }
  | { readonly kind: 'literal'; readonly value: Json }
  | { readonly kind: 'text'; readonly format: string; readonly parts: readonly (string | Node)[] }
  | { readonly kind: 'format'; readonly format: string }
  | {
      readonly kind: 'index'
      readonly of: Node
      readonly key: Node
      readonly isOptional?: true
    }
  | {
      readonly kind: 'slice'
      readonly of: Node
      readonly from: Node | null
      readonly to: Node | null
      readonly isOptional?: true
    }
  | { readonly kind: 'iterate'; readonly of: Node; readonly isOptional?: true }
  | { readonly kind: 'try'; readonly body: Node; readonly handler: Node | null }
  | { readonly kind: 'array'; readonly items: Node | null }
  | { readonly kind: 'object'; readonly entries: readonly Entry[] }
  | { readonly kind: 'negate'; readonly of: Node }
  | { readonly kind: 'pipe'; readonly left: Node; readonly right: Node }
  | { readonly kind: 'comma'; readonly items: readonly Node[] }
  | {
      readonly kind: 'binary'
      readonly operator: BinaryOperator
      readonly left: Node
      readonly right: Node
    }
  | { readonly kind: 'and'; readonly left: Node; readonly right: Node }
  | { readonly kind: 'or'; readonly left: Node; readonly right: Node }
  | { readonly kind: 'alternative'; readonly left: Node; readonly right: Node }
  | {
      readonly kind: 'update'
      readonly operator: UpdateOperator
      readonly target: Node
      readonly value: Node
    }
  | {
      readonly kind: 'if'
      readonly condition: Node
      readonly then: Node
      readonly otherwise: Node | null
    }
  | {
      readonly kind: 'reduce'
      readonly source: Node
      readonly patterns: readonly Pattern[]
      readonly initial: Node
      readonly update: Node
    }
  | {
      readonly kind: 'foreach'
      readonly source: Node
      readonly patterns: readonly Pattern[]
      readonly initial: Node
      readonly update: Node
      readonly extract: Node | null
    }
  | {
      readonly kind: 'bind'
      readonly source: Node
      readonly patterns: readonly Pattern[]
      readonly body: Node
    }
  | { readonly kind: 'label'; readonly name: string; readonly body: Node }
  | { readonly kind: 'break'; readonly name: string; readonly at: number }
  | {
      readonly kind: 'define'
      readonly name: string
      readonly parameters: readonly Parameter[]
      readonly body: Node
      readonly rest: Node
    }
  | {
      readonly kind: 'call'
      readonly name: string
      readonly args: readonly Node[]
      readonly at: number
    }
  | { readonly kind: 'variable'; readonly name: string; readonly at: number }

export type Entry = { readonly key: Node; readonly value: Node }

/** `isValue`: declared as `$name`, which is evaluated once for each of its outputs before the body is. */
export type Parameter = { readonly name: string; readonly isValue: boolean }

/** What stands between `as` and `|`. */
export type Pattern =
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'array'; readonly items: readonly Pattern[] }
  | { readonly kind: 'object'; readonly entries: readonly PatternEntry[] }

/** `{$name}`, `{$name: pattern}` and `{key: pattern}`. */
export type PatternEntry = {
  readonly key: Node
  readonly variable: string | null
  readonly value: Pattern | null
}

export type BinaryOperator = '+' | '-' | '*' | '/' | '%' | '==' | '!=' | '<' | '<=' | '>' | '>='
export type UpdateOperator = '=' | '|=' | '+=' | '-=' | '*=' | '/=' | '%=' | '//='
