/** What one test file said: counts of its assertions, and the lines worth reading. */
export type TapSummary = {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** All of a file that failed, of another one why tests were skipped and what was measured. */
  readonly worthReading: readonly string[]
}

/** tap's closing comment, such as `# { total: 5, pass: 4, fail: 1 }`. */
const CLOSING = /^# \{ (total: .*) \}$/

/** `t.skip` with its reason, and `t.comment('measured: …')`. */
const TOLD = / # SKIP\b|^ *# measured: /

/**
 * @param lines the output of a test file that was run by itself.
 * @param exitCode of its process; a file that failed without a failed assertion counts as one.
 */
export function summaryOf(lines: readonly string[], exitCode: number | null): TapSummary {
  const closing = lines.findLast((line) => CLOSING.test(line)) ?? ''
  const count = (name: string) =>
    Number(new RegExp(String.raw`\b${name}: (\d+)`).exec(closing)?.[1] ?? 0)
  const ended = exitCode === 0 && closing !== ''
  const failed = Math.max(count('fail'), ended ? 0 : 1)
  return {
    ...{ passed: count('pass'), failed, skipped: count('skip') },
    worthReading: failed > 0 ? lines : lines.filter((line) => TOLD.test(line)),
  }
}
