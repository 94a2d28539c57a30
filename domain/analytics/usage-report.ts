import { type Buckets, mergeBuckets, quantile } from '../kernel/duration-sketch.ts'

/** Calls of one tool on one day (UTC), with the sketch of their durations. */
export type UsageDay = {
  readonly day: string
  readonly tool: string
  readonly calls: number
  readonly errors: number
  readonly durationUs: number
  readonly requestBytes: number
  readonly responseBytes: number
  readonly buckets: Buckets
}

/** Durations in ms; null when there was no call. Percentiles are within 1 %. */
export type UsageFigures = {
  readonly calls: number
  readonly errors: number
  /** From 0 to 1. */
  readonly errorRate: number
  readonly meanMs: number | null
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
  readonly requestBytes: number
  readonly responseBytes: number
}

export type UsageReport = {
  readonly total: UsageFigures
  readonly days: readonly (UsageFigures & { readonly day: string })[]
  readonly tools: readonly (UsageFigures & { readonly tool: string })[]
}

/** Everything about one service: in all, by day in order, by tool with the most used one first. */
export function usageReport(usage: readonly UsageDay[]): UsageReport {
  const days = groups(usage, ({ day }) => day)
  const tools = groups(usage, ({ tool }) => tool)
  return {
    total: figures(usage),
    days: days.map(([day, rows]) => ({ day, ...figures(rows) })),
    tools: tools
      .map(([tool, rows]) => ({ tool, ...figures(rows) }))
      .sort((a, b) => b.calls - a.calls || compare(a.tool, b.tool)),
  }
}

function figures(rows: readonly UsageDay[]): UsageFigures {
  const calls = sum(rows, (row) => row.calls)
  const errors = sum(rows, (row) => row.errors)
  const sketch = mergeBuckets(rows.map(({ buckets }) => buckets))
  return {
    calls,
    errors,
    errorRate: calls === 0 ? 0 : errors / calls,
    meanMs: calls === 0 ? null : rounded(sum(rows, (row) => row.durationUs) / calls / 1_000),
    p50Ms: percentile(sketch, 0.5),
    p95Ms: percentile(sketch, 0.95),
    p99Ms: percentile(sketch, 0.99),
    requestBytes: sum(rows, (row) => row.requestBytes),
    responseBytes: sum(rows, (row) => row.responseBytes),
  }
}

function percentile(sketch: Buckets, q: number): number | null {
  const value = quantile(sketch, q)
  return value === undefined ? null : rounded(value)
}

/** To four significant digits or a microsecond, whichever is finer: far below the sketch's error. */
function rounded(ms: number): number {
  return ms < 1 ? Number(ms.toPrecision(4)) : Math.round(ms * 1_000) / 1_000
}

function sum(rows: readonly UsageDay[], of: (row: UsageDay) => number): number {
  return rows.reduce((total, row) => total + of(row), 0)
}

/** In the order of their names. */
function groups(
  rows: readonly UsageDay[],
  by: (row: UsageDay) => string,
): readonly (readonly [string, readonly UsageDay[]])[] {
  const grouped = new Map<string, UsageDay[]>()
  for (const row of rows) {
    const group = grouped.get(by(row))
    if (group === undefined) grouped.set(by(row), [row])
    else group.push(row)
  }
  return [...grouped].sort(([a], [b]) => compare(a, b))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
