export type TapTotals = {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

const CLOSING = /^# \{ (total: .*) \}$/gm

/** Reads the closing comment that tap writes, such as `# { total: 5, pass: 4, fail: 1 }`. */
export function tapTotals(output: string): TapTotals {
  const closing = [...output.matchAll(CLOSING)].at(-1)?.[1] ?? ''
  const count = (name: string) =>
    Number(new RegExp(String.raw`\b${name}: (\d+)`).exec(closing)?.[1] ?? 0)
  return { passed: count('pass'), failed: count('fail'), skipped: count('skip') }
}
