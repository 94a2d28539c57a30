import type { Json } from '../../kernel/json.ts'

/** What a step waits for, or has others do. Every expression in it is evaluated. */
export type Work =
  | { readonly kind: 'wait'; readonly dueAt: string }
  | {
      readonly kind: 'call'
      /** `http`, `openapi`, `mcp`, or the name of a platform command. */
      readonly call: string
      readonly with: { readonly [member: string]: Json }
    }
  | { readonly kind: 'emit'; readonly event: { readonly [attribute: string]: Json } }
  | {
      readonly kind: 'run'
      readonly namespace: string
      readonly name: string
      readonly version: string
      readonly input: Json
      readonly await: boolean
    }
  | { readonly kind: 'for'; readonly items: readonly Json[] }
  | ListenWork

export type ListenWork = {
  readonly kind: 'listen'
  readonly strategy: 'one' | 'any' | 'all'
  readonly filters: readonly ListenFilter[]
  /** What ends `any`: a condition on all events so far, or events. */
  readonly until?:
    | { readonly condition: string }
    | { readonly strategy: 'one' | 'any' | 'all'; readonly filters: readonly ListenFilter[] }
  readonly read: 'data' | 'envelope' | 'raw'
}

export type ListenFilter = {
  /** An attribute of the event is equal, or is what the expression holds for. */
  readonly with: { readonly [attribute: string]: Json }
  readonly correlate?: {
    readonly [key: string]: { readonly from: string; readonly expect?: Json }
  }
}
