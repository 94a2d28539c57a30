/**
 * A piece of a program. `text` of a word is its letters, of a variable its name without `$`, of a field
 * its name without the dot, of a format its name with `@`. A string is a tree: its parts that are
 * programs themselves have been cut into tokens already.
 */
export type Token =
  | { readonly kind: TextKind; readonly text: string; readonly at: number }
  | { readonly kind: 'number'; readonly value: number; readonly at: number }
  | { readonly kind: 'string'; readonly parts: readonly StringPart[]; readonly at: number }
  | { readonly kind: 'end'; readonly at: number }

export type StringPart = string | readonly Token[]

type TextKind = 'word' | 'variable' | 'field' | 'format' | 'symbol'
