import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { nodeArguments } from '../../infra/node-program.ts'
import { buildPrograms } from './build-programs.ts'
import { summaryOf, type TapSummary } from './tap-output.ts'

/** A file whose tests take longer says so itself. */
const TIMEOUT_S = 300
/** A process that says nothing for so long hangs. */
const SILENT_MS = 600_000
/**
 * Two take the longest first; a third one takes the shortest, while those wait for what they have
 * killed, stopped or starved.
 */
const NEXT = [
  (left: string[]) => left.shift(),
  (left: string[]) => left.shift(),
  (left: string[]) => left.pop(),
]
/** Directories in the order in which their files take longest. */
const FIRST = ['e2e', 'fault', 'scripts', 'infra', 'services'].map((each) =>
  path.join('test', each),
)

export type TestRun = {
  readonly root: string
  /** For what is made for this run alone. */
  readonly directory: string
  readonly environment: NodeJS.ProcessEnv
  readonly say: (line: string) => void
  /** Ends the files that run, and starts no other. */
  readonly signal: AbortSignal
}

export type Totals = { passed: number; failed: number; skipped: number }

/** Every test file below `root`, as a path from there. */
export function allTestFiles(root: string): readonly string[] {
  const found = readdirSync(path.join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => path.join('test', name))
    .sort()
  const placeOf = (file: string) => {
    const place = FIRST.findIndex((directory) => file.startsWith(directory + path.sep))
    return place === -1 ? FIRST.length : place
  }
  return found.sort((one, other) => placeOf(one) - placeOf(other))
}

/**
 * Runs each test file in a process of its own and says one line for each; for one that failed all
 * that it said. All are made JavaScript beforehand, once: what a process would load of its own
 * accord takes longer than most tests.
 */
export async function runTestFiles(files: readonly string[], run: TestRun): Promise<Totals> {
  const named = files.map((file) => path.relative(run.root, path.resolve(run.root, file)))
  const { urlOf } = await buildPrograms(run.root, named, path.join(run.directory, 'built'))
  return await runEach(named, urlOf, run)
}

async function runEach(
  files: readonly string[],
  urlOf: (file: string) => string,
  run: TestRun,
): Promise<Totals> {
  const totals = { passed: 0, failed: 0, skipped: 0 }
  const left = [...files]
  const lane = async (next: (typeof NEXT)[number]) => {
    for (let file = next(left); file !== undefined; file = next(left)) {
      if (run.signal.aborted) return
      const start = performance.now()
      const { passed, failed, skipped, worthReading } = await runTestFile(urlOf(file), run)
      const seconds = ((performance.now() - start) / 1_000).toFixed(1)
      for (const line of worthReading) run.say(line)
      run.say(`${failed > 0 ? 'not ok' : 'ok'} - ${file} # ${seconds} s`)
      totals.passed += passed
      totals.failed += failed
      totals.skipped += skipped
    }
  }
  await Promise.all(NEXT.map(lane))
  return totals
}

async function runTestFile(program: string, run: TestRun): Promise<TapSummary> {
  const child = spawn(process.execPath, nodeArguments(program), {
    cwd: run.root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...run.environment, TAP_TIMEOUT: String(TIMEOUT_S) },
    signal: run.signal,
  })
  const lines: string[] = []
  const exitCode = new Promise<number | null>((resolve) => {
    child.once('close', resolve)
    child.once('error', (error) => lines.push(error.message))
  })
  const silence = setTimeout(() => child.kill('SIGKILL'), SILENT_MS)
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    silence.refresh()
  })
  const code = await exitCode
  clearTimeout(silence)
  return summaryOf(lines, code)
}
