/** Of one server or one tool over some days; durations are null without a call. */
export type Figures = {
  readonly calls: number
  readonly errors: number
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
}

export type Usage = {
  readonly serviceId: string
  readonly from: string
  readonly to: string
  readonly total: Figures
  readonly tools: readonly (Figures & { readonly tool: string })[]
}
