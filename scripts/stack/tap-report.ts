export type TapTotals = {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export type TapReport = {
  readonly line: (line: string) => void
  readonly totals: () => TapTotals
}

/** A test file's verdict: not indented. */
const VERDICT = /^(not )?ok \d+/
/** tap's closing comment, such as `# { total: 5, pass: 4, fail: 1 }`. */
const CLOSING = /^# \{ (total: .*) \}$/

/**
 * Makes tap's output readable: one line a test file, and for one that failed all that it said.
 * Skipped tests keep their reasons.
 */
export function createTapReport(say: (line: string) => void): TapReport {
  let ofThisFile: string[] = []
  let closing = ''
  let afterFailure = false
  const count = (name: string) =>
    Number(new RegExp(String.raw`\b${name}: (\d+)`).exec(closing)?.[1] ?? 0)
  return {
    line(line) {
      closing = CLOSING.exec(line)?.[1] ?? closing
      if (line.startsWith('# ')) afterFailure = false
      if (afterFailure && line !== '' && !VERDICT.test(line)) say(line)
      else ofThisFile.push(line)
      const verdict = VERDICT.exec(line)
      if (verdict === null) return
      const failed = verdict[1] !== undefined
      for (const said of ofThisFile)
        if (failed || said === line || / # SKIP\b/.test(said)) say(said)
      ofThisFile = []
      afterFailure = failed
    },
    totals: () => ({ passed: count('pass'), failed: count('fail'), skipped: count('skip') }),
  }
}
